#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace infini {

/// The stages. Each list has one value per stage. A list with a single value holds for all stages.
struct CurriculumConfig {
  std::vector<int64_t> shortest = {};  ///< segments in a sequence; empty: equal to `longest`
  std::vector<int64_t> longest = {};   ///< empty: train_length
  double until_loss = 0.3;  ///< a stage ends when the running answer loss falls below this; 0: it does not end by loss
  int64_t stage_steps = 0;  ///< a stage ends after this many steps; 0: it does not end by steps
};

/// In training, what a segment writes may be multiplied by a gain. It then counts as this many segments.
struct MemoryGainConfig {
  std::vector<double> largest = {};  ///< by stage; the gain is log-uniform between 1 and this; empty: no gain
  /// "unmarked": one gain for all segments without evidence; "all": one for each segment
  std::string segments = "unmarked";
};

/// What a curriculum sets for the next batch.
struct Stage {
  int64_t shortest = 1, longest = 1;  ///< segments in a sequence
  double largest_gain = 1;            ///< upper bound of the gain; 1: no gain
};

/// The number of stages in a configuration: the length of its longest list, at least one.
int64_t stage_count(const CurriculumConfig& curriculum, const MemoryGainConfig& gain);

/// Stage number `number` (from 1) of a configuration. `segments_per_row` is train_length in segments.
Stage stage_of(const CurriculumConfig& curriculum, const MemoryGainConfig& gain, int64_t number,
               int64_t segments_per_row);

/// Goes stage by stage from short sequences without gain to long sequences with a large gain. A stage ends when the
/// running answer loss falls below a bound, or after a number of steps. It never goes back.
class Curriculum {
 public:
  Curriculum(const CurriculumConfig& curriculum, const MemoryGainConfig& gain, int64_t segments_per_row);

  Stage stage() const { return stage_of(curriculum_, gain_, number_, segments_per_row_); }
  int64_t number() const { return number_; }  ///< of the current stage, from 1
  int64_t stages() const { return stages_; }

  /// Takes the answer loss (nats per token) of one step in the current stage.
  void observe(double answer_loss);

  nlohmann::json state() const;
  /// Throws nlohmann::json's exceptions if something is missing.
  void load_state(const nlohmann::json& state);

 private:
  CurriculumConfig curriculum_;
  MemoryGainConfig gain_;
  int64_t segments_per_row_;
  int64_t stages_;
  int64_t number_ = 1;
  int64_t steps_ = 0;        ///< in this stage
  double running_loss_ = 0;  ///< in this stage: an exponential mean
};

}  // namespace infini
