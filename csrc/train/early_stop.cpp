#include "train/early_stop.h"

#include <cmath>

namespace infini {

bool EarlyStop::observe(const Metrics& validation, int64_t step) {
  if (config_.metric == "none") return false;
  const auto value = validation.at(config_.metric).get<double>();
  // A smaller loss is better, but more exact matches are better.
  const bool more_is_better = config_.metric == "exact_match";
  const bool is_best =
      std::isfinite(value) && (!best_ || (more_is_better ? value > best_->value : value < best_->value));
  if (is_best) best_ = BestCheckpoint{step, config_.metric, value};
  without_improvement_ = is_best ? 0 : without_improvement_ + 1;
  return is_best;
}

nlohmann::json EarlyStop::state() const {
  nlohmann::json state = {{"metric", config_.metric}, {"without_improvement", without_improvement_}};
  if (best_) state["best"] = {{"step", best_->step}, {"value", best_->value}};
  return state;
}

void EarlyStop::load_state(const nlohmann::json& state) {
  if (state.at("metric") != config_.metric) return;  // another metric begins anew
  without_improvement_ = state.at("without_improvement");
  if (!state.contains("best")) return;
  const nlohmann::json& best = state.at("best");
  best_ = BestCheckpoint{best.at("step"), config_.metric, best.at("value")};
}

}  // namespace infini
