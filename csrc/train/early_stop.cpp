#include "train/early_stop.h"

#include <cmath>

namespace infini {

void EarlyStop::observe(const ValidationMetrics& validation) {
  if (config_.metric == "none") return;
  const double value = config_.metric == "loss"          ? validation.loss
                       : config_.metric == "answer_loss" ? validation.task.value().answer_loss
                                                         : -validation.task.value().exact_match;
  if (std::isfinite(value) && (!best_ || value < *best_)) {
    best_ = value;
    without_improvement_ = 0;
  } else {
    ++without_improvement_;
  }
}

nlohmann::json EarlyStop::state() const {
  nlohmann::json state = {{"without_improvement", without_improvement_}};
  if (best_) state["best"] = *best_;
  return state;
}

void EarlyStop::load_state(const nlohmann::json& state) {
  without_improvement_ = state.at("without_improvement");
  if (state.contains("best")) best_ = state.at("best").get<double>();
}

}  // namespace infini
