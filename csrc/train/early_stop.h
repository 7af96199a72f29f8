#pragma once

#include <nlohmann/json.hpp>

#include "train/step_metrics.h"
#include "train/train_config.h"

namespace infini {

/// Ends a run when a metric of its validations has not improved for `patience` of them.
class EarlyStop {
 public:
  explicit EarlyStop(const EarlyStopConfig& config) : config_(config) {}

  void observe(const ValidationMetrics& validation);
  bool reached() const { return config_.metric != "none" && without_improvement_ >= config_.patience; }

  nlohmann::json state() const;
  void load_state(const nlohmann::json& state);

 private:
  EarlyStopConfig config_;
  std::optional<double> best_;  ///< smaller is better
  int64_t without_improvement_ = 0;
};

}  // namespace infini
