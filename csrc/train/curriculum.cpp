#include "train/curriculum.h"

#include <algorithm>

namespace infini {
namespace {

/// The running loss is a mean over about this many steps, and a stage that ends by it lasts at least as long.
constexpr int64_t kMemory = 50;

}  // namespace

Curriculum::Curriculum(const CurriculumConfig& curriculum, const MemoryGainConfig& gain, int64_t segments_per_row)
    : curriculum_(curriculum),
      gain_(gain),
      segments_per_row_(segments_per_row),
      stages_(stage_count(curriculum, gain)) {}

Stage Curriculum::stage() const {
  Stage stage;
  stage.longest = of_stage(curriculum_.longest, number_, segments_per_row_);
  stage.shortest = of_stage(curriculum_.shortest, number_, stage.longest);
  stage.largest_gain = of_stage(gain_.largest, number_, 1.0);
  return stage;
}

void Curriculum::observe(double answer_loss) {
  ++steps_;
  // The plain mean at first, so that the beginning has no more weight than the rest.
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
