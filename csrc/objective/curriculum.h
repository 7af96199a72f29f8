#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace infini {

/// Stages, the first value of each list for the first stage and so on; a list with one value holds for all.
struct CurriculumConfig {
  std::vector<int64_t> shortest = {};  ///< segments of a sequence; empty: as many as the longest
  std::vector<int64_t> longest = {};   ///< empty: train_length
  double until_loss = 0.3;             ///< a stage ends when the running answer loss falls below it; 0: not by loss
  int64_t stage_steps = 0;             ///< a stage ends after that many steps; 0: not by steps
};

/// What segments write is multiplied by a gain in training, as if they were as many times as long.
struct MemoryGainConfig {
  std::vector<double> largest = {};   ///< by stage; the gain is log-uniform from 1 to it; empty: none
  std::string segments = "unmarked";  ///< "unmarked": all without evidence, alike; "all": each its own
};

/// What a curriculum asks of the next batch.
struct Stage {
  int64_t shortest = 1, longest = 1;  ///< segments of a sequence
  double largest_gain = 1;            ///< what segments write is multiplied by up to that; 1: nothing is
};

/// The stages that a configuration has: as many as its longest list has values, at least one.
int64_t stage_count(const CurriculumConfig& curriculum, const MemoryGainConfig& gain);

/// What a configuration says of the stage of that number, from 1; `segments_per_row` is all of train_length.
Stage stage_of(const CurriculumConfig& curriculum, const MemoryGainConfig& gain, int64_t number,
               int64_t segments_per_row);

/// Leads from short sequences and no gain to long ones and much: stage after stage, each ending when the running answer
/// loss falls below a bound or after a number of steps. Only ever forward.
class Curriculum {
 public:
  Curriculum(const CurriculumConfig& curriculum, const MemoryGainConfig& gain, int64_t segments_per_row);

  Stage stage() const { return stage_of(curriculum_, gain_, number_, segments_per_row_); }
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
