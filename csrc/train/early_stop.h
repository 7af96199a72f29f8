#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "io/run_checkpoints.h"
#include "objective/objective.h"
#include "train/train_config.h"

namespace infini {

/// Watches one metric of a run's validations. It remembers the best one, and ends the run after `patience` validations
/// in a row without improvement.
class EarlyStop {
 public:
  explicit EarlyStop(const EarlyStopConfig& config) : config_(config) {}

  /// Takes the validation after `step`; true if it is the best so far.
  bool observe(const Metrics& validation, int64_t step);
  bool reached() const { return config_.metric != "none" && without_improvement_ >= config_.patience; }
  /// Nothing before the first validation, and where no metric is watched.
  const std::optional<BestCheckpoint>& best() const { return best_; }

  nlohmann::json state() const;
  /// Throws nlohmann::json's exceptions if something is missing.
  void load_state(const nlohmann::json& state);

 private:
  EarlyStopConfig config_;
  std::optional<BestCheckpoint> best_;
  int64_t without_improvement_ = 0;
};

}  // namespace infini
