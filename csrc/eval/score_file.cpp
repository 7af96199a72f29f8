#include "eval/score_file.h"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>

#include "io/atomic_file.h"
#include "log/error.h"

namespace infini {
namespace {

/// Reads the ids in a text file one by one.
class IdsFile {
 public:
  IdsFile(std::filesystem::path path, int64_t vocab_size) : path_(std::move(path)), vocab_size_(vocab_size) {
    if (std::filesystem::is_directory(path_))
      throw UserError(path_.string() + " is a folder; expected a file of token ids");
    stream_.open(path_);
    if (!stream_) throw UserError("cannot read " + path_.string() + ": " + std::strerror(errno));
  }

  int64_t read(std::span<int64_t> out) {
    size_t count = 0;
    while (count < out.size() && stream_ >> word_) {
      out[count++] = parse(word_);
      ++position_;
    }
    if (stream_.bad()) throw std::runtime_error("cannot read " + path_.string() + ": " + std::strerror(errno));
    return static_cast<int64_t>(count);
  }

  int64_t position() const { return position_; }

 private:
  int64_t parse(const std::string& word) const {
    int64_t id = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    const std::string where = path_.string() + ": token " + std::to_string(position_) + " (counted from 0) ";
    // A number that is too long counts as out of range.
    if (end != word.data() + word.size() || error == std::errc::invalid_argument) {
      throw UserError(where + "is '" + word.substr(0, 40) + "', not a number: the file must hold ids and whitespace");
    }
    if (error != std::errc() || id < 0 || id >= vocab_size_) {
      throw UserError(where + "is " + word.substr(0, 40) + ", but the checkpoint's vocabulary has ids from 0 to " +
                      std::to_string(vocab_size_ - 1));
    }
    return id;
  }

  std::filesystem::path path_;
  int64_t vocab_size_;
  std::ifstream stream_;
  std::string word_;
  int64_t position_ = 0;
};

}  // namespace

int64_t score_file(CausalLanguageModel& model, const std::filesystem::path& ids_file,
                   const std::filesystem::path& out_file, const ScoreOptions& options) {
  IdsFile ids(ids_file, model.config().vocab_size);
  AtomicFile out(out_file);
  int64_t scored = 0;
  const TokenReader read = [&](std::span<int64_t> tokens) { return ids.read(tokens); };
  score_document(model, read, options, [&](int64_t first, std::span<const double> losses) {
    std::string lines;
    char line[64];
    for (size_t i = 0; i < losses.size(); ++i) {
      if (!std::isfinite(losses[i])) {
        throw std::runtime_error(ids_file.string() + ": the loss of token " + std::to_string(first + i) + " is " +
                                 std::to_string(losses[i]) + "; the model's weights or activations are not finite");
      }
      lines.append(line, static_cast<size_t>(std::snprintf(line, sizeof(line), "%.6f\n", losses[i])));
    }
    out.write(lines);
    scored += static_cast<int64_t>(losses.size());
  });
  if (ids.position() == 0) throw UserError(ids_file.string() + " is empty: it must hold token ids");
  out.commit();
  return scored;
}

}  // namespace infini
