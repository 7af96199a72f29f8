#include "objective/curriculum.h"

#include <algorithm>

namespace infini {
namespace {

/// The running loss is a mean over about this many steps. A stage that ends by loss lasts at least as long.
constexpr int64_t kMemory = 50;

template <typename Value>
Value value_of_stage(const std::vector<Value>& values, int64_t number, Value if_empty) {
  if (values.empty()) return if_empty;
  return values[std::min(static_cast<size_t>(number - 1), values.size() - 1)];
}

}  // namespace

int64_t stage_count(const CurriculumConfig& curriculum, const MemoryGainConfig& gain) {
  return static_cast<int64_t>(
      std::max({size_t{1}, curriculum.shortest.size(), curriculum.longest.size(), gain.largest.size()}));
}

Stage stage_of(const CurriculumConfig& curriculum, const MemoryGainConfig& gain, int64_t number,
               int64_t segments_per_row) {
  Stage stage;
  stage.longest = value_of_stage(curriculum.longest, number, segments_per_row);
  stage.shortest = value_of_stage(curriculum.shortest, number, stage.longest);
  stage.largest_gain = value_of_stage(gain.largest, number, 1.0);
  return stage;
}

Curriculum::Curriculum(const CurriculumConfig& curriculum, const MemoryGainConfig& gain, int64_t segments_per_row)
    : curriculum_(curriculum),
      gain_(gain),
      segments_per_row_(segments_per_row),
      stages_(stage_count(curriculum, gain)) {}

void Curriculum::observe(double answer_loss) {
  ++steps_;
  // First the plain mean, so the first losses have no extra weight.
  running_loss_ += (answer_loss - running_loss_) / static_cast<double>(std::min(steps_, kMemory));
  const bool learnt = curriculum_.until_loss > 0 && steps_ >= kMemory && running_loss_ < curriculum_.until_loss;
  const bool over = curriculum_.stage_steps > 0 && steps_ >= curriculum_.stage_steps;
  if (number_ == stages_ || !(learnt || over)) return;
  ++number_;
  steps_ = 0;
  running_loss_ = 0;
}

nlohmann::json Curriculum::state() const {
  return {{"stage", number_}, {"steps", steps_}, {"running_loss", running_loss_}};
}

void Curriculum::load_state(const nlohmann::json& state) {
  number_ = std::min(state.at("stage").get<int64_t>(), stages_);
  steps_ = state.at("steps");
  running_loss_ = state.at("running_loss");
}

}  // namespace infini
