#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace infini {

/// Which of a run's checkpoints was the best in a validation: best.json in the run's folder.
struct BestCheckpoint {
  int64_t step = 0;
  std::string metric;  ///< "loss", "exact_match", …
  double value = 0;
};

/// Nothing where the run has no best one. Throws UserError if the file is damaged.
std::optional<BestCheckpoint> read_best(const std::filesystem::path& run_folder);
/// Writes best.json, or removes it where there is no best.
void set_best(const std::filesystem::path& run_folder, const std::optional<BestCheckpoint>& best);

/// The whole checkpoints `step-N` of a run's `checkpoints/` folder by their step. Half-written ones are never among
/// them.
std::map<int64_t, std::filesystem::path> checkpoints_in(const std::filesystem::path& checkpoints_folder);

/// Removes all checkpoints `step-N` but the newest `keep_last` and that of step `keep_step`, and what a killed run left
/// half-written. To be called while no checkpoint is being written there.
void remove_old_checkpoints(const std::filesystem::path& checkpoints_folder, int64_t keep_last,
                            std::optional<int64_t> keep_step = std::nullopt);

/// The checkpoint that a path names: itself; or, where it is a run's folder, that run's best checkpoint, or its newest
/// where it has no best. Throws UserError if a run has no checkpoint.
std::filesystem::path checkpoint_of(const std::filesystem::path& checkpoint_or_run);

}  // namespace infini
