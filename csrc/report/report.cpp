#include "report/report.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

#include "log/error.h"
#include "report/page.h"

namespace infini::report {
namespace {

namespace fs = std::filesystem;

void write_atomically(const fs::path& file, const std::string& text) {
  fs::path partial = file;
  partial.replace_filename("." + file.filename().string() + ".partial");
  const auto cause = [] { return std::string(std::strerror(errno)); };

  std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(std::fopen(partial.c_str(), "wb"), &std::fclose);
  if (!stream) {
    throw UserError("the report cannot be written to " + file.string() + ": " + cause() +
                    "; choose a place with --out FILE");
  }
  const bool written = std::fwrite(text.data(), 1, text.size(), stream.get()) == text.size() &&
                       std::fflush(stream.get()) == 0 && fsync(fileno(stream.get())) == 0;
  if (!written) {
    const std::string why = cause();
    fs::remove(partial);
    throw std::runtime_error("the report could not be written to " + file.string() + ": " + why);
  }
  stream.reset();
  fs::rename(partial, file);
}

}  // namespace

void write_report(const std::vector<RunRecord>& runs, const fs::path& file) {
  if (fs::is_directory(file)) {
    throw UserError("--out: " + file.string() + " is a folder; name a file, such as " +
                    (file / "report.html").string());
  }
  write_atomically(file, report_page(runs));
}

}  // namespace infini::report
