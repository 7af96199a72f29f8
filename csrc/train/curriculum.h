#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

#include "data/batch_source.h"
#include "train/train_config.h"

namespace infini {

/// Leads from short sequences and no gain to long ones and much: stage after stage, each ending when the running answer
/// loss falls below a bound or after a number of steps. Only ever forward.
class Curriculum {
 public:
  Curriculum(const CurriculumConfig& curriculum, const MemoryGainConfig& gain, int64_t segments_per_row);

  Stage stage() const;
  int64_t number() const { return number_; }  ///< of the stage, from 1
  int64_t stages() const { return stages_; }

  /// Takes the answer loss (nats a token) of a step of the present stage.
  void observe(double answer_loss);

  nlohmann::json state() const;
  /// Throws nlohmann::json's exceptions where something is missing.
  void load_state(const nlohmann::json& state);

 private:
  CurriculumConfig curriculum_;
  MemoryGainConfig gain_;
  int64_t segments_per_row_;
  int64_t stages_;
  int64_t number_ = 1;
  int64_t steps_ = 0;        ///< in this stage
  double running_loss_ = 0;  ///< of this stage: an exponential mean
};

}  // namespace infini
