#include "train/run_folder.h"

#include <map>
#include <ranges>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "io/atomic_folder.h"
#include "io/run_checkpoints.h"
#include "log/error.h"
#include "log/log.h"

namespace infini {
namespace {

namespace fs = std::filesystem;

/// Renames a damaged checkpoint, so it does not count as newer than the checkpoints that the run writes now.
void set_aside(const fs::path& damaged) {
  const fs::path aside = damaged.string() + ".damaged";
  fs::remove_all(aside);
  fs::rename(damaged, aside);
  log::warn("the damaged checkpoint is kept as " + aside.string());
}

}  // namespace

RunFolder::RunFolder(fs::path folder, bool resume, const Ranks& ranks)
    : folder_(std::move(folder)), resume_(resume), ranks_(ranks) {
  if (fs::is_directory(folder_)) take();
}

void RunFolder::take() {
  if (ranks_.is_first()) {
    lock_.emplace(folder_, "training in");
    recover_atomic_folders(checkpoints());
  }
  if (!resume_ && !checkpoints_in(checkpoints()).empty()) {
    throw UserError("the run " + folder_.string() +
                    " has checkpoints already; resume it, or give the new run another " + "name");
  }
}

fs::path RunFolder::newest_sound_checkpoint() {
  const std::map<int64_t, fs::path> found = checkpoints_in(checkpoints());
  std::vector<fs::path> damaged;
  for (const auto& [step, checkpoint] : found | std::views::reverse) {
    try {
      verify_checkpoint(checkpoint);
    } catch (const UserError& damage) {
      log::warn(std::string(damage.what()) + "; looking for an older checkpoint");
      damaged.push_back(checkpoint);
      continue;
    }
    for (const fs::path& newer : damaged) set_aside(newer);
    return checkpoint;
  }
  if (found.empty()) return {};
  throw UserError("every checkpoint in " + checkpoints().string() +
                  " is damaged; remove them to begin again, or give the run another name");
}

void RunFolder::create() {
  std::error_code error;
  fs::create_directories(checkpoints(), error);
  if (error) throw UserError("cannot create " + checkpoints().string() + ": " + error.message());
  if (!lock_) take();
}

fs::path RunFolder::checkpoint(int64_t step) const { return checkpoints() / ("step-" + std::to_string(step)); }

}  // namespace infini
