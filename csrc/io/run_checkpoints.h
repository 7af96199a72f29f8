#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace infini {

/// The best checkpoint of a run, by validation: best.json in the run's folder.
struct BestCheckpoint {
  int64_t step = 0;
  std::string metric;  ///< "loss", "exact_match", …
  double value = 0;
};

/// Empty if the run has no best checkpoint. Throws UserError if the file is damaged.
std::optional<BestCheckpoint> read_best(const std::filesystem::path& run_folder);
/// Writes best.json, or removes it where there is no best.
void set_best(const std::filesystem::path& run_folder, const std::optional<BestCheckpoint>& best);

/// The complete checkpoints `step-N` in a run's `checkpoints/` folder, by step. Half-written ones are left out.
std::map<int64_t, std::filesystem::path> checkpoints_in(const std::filesystem::path& checkpoints_folder);

/// Removes all checkpoints `step-N` except the newest `keep_last` and the one of step `keep_step`. Also removes what a
/// killed run left half-written, so call it only while no checkpoint is being written.
void remove_old_checkpoints(const std::filesystem::path& checkpoints_folder, int64_t keep_last,
                            std::optional<int64_t> keep_step = std::nullopt);

/// Returns the checkpoint that a path means. The path of a checkpoint means itself. The path of a run means its best
/// checkpoint, or the newest if there is no best one. Throws UserError if the run has no checkpoint.
std::filesystem::path checkpoint_of(const std::filesystem::path& checkpoint_or_run);

}  // namespace infini
