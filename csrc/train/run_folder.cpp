#include "train/run_folder.h"

#include <charconv>
#include <map>

#include "checkpoint/atomic_file.h"
#include "checkpoint/checksums.h"
#include "log/error.h"
#include "log/log.h"

namespace infini {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "step-";

/// Finished checkpoints by their step, the newest first.
std::map<int64_t, fs::path, std::greater<>> checkpoints_in(const fs::path& folder) {
  std::map<int64_t, fs::path, std::greater<>> found;
  if (!fs::is_directory(folder)) return found;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    int64_t step = 0;
    const char* const end = name.data() + name.size();
    if (!entry.is_directory() || !name.starts_with(kPrefix)) continue;
    const auto [last, error] = std::from_chars(name.data() + kPrefix.size(), end, step);
    if (error == std::errc() && last == end) found.emplace(step, entry.path());
  }
  return found;
}

}  // namespace

RunFolder::RunFolder(fs::path folder, bool resume) : folder_(std::move(folder)) {
  if (!resume && !checkpoints_in(checkpoints()).empty()) {
    throw UserError("the run " + folder_.string() +
                    " has checkpoints already; continue it with --resume, or give the " +
                    "new run another name (--set name=…)");
  }
  std::error_code error;
  fs::create_directories(checkpoints(), error);
  if (error) throw UserError("cannot create " + checkpoints().string() + ": " + error.message());
}

fs::path RunFolder::checkpoint(int64_t step) const {
  return checkpoints() / (std::string(kPrefix) + std::to_string(step));
}

void RunFolder::write_config(const std::string& yaml) const { write_file(folder_ / "config.yaml", yaml); }

fs::path RunFolder::newest_sound_checkpoint() const {
  const auto found = checkpoints_in(checkpoints());
  for (const auto& [step, checkpoint] : found) {
    try {
      verify_checksums(checkpoint);
      return checkpoint;
    } catch (const UserError& damage) {
      log::warn(std::string(damage.what()) + "; looking for an older checkpoint");
    }
  }
  if (found.empty()) return {};
  throw UserError("every checkpoint in " + checkpoints().string() +
                  " is damaged; remove them to begin again, or give the run another name");
}

}  // namespace infini
