#include "train/make_objective.h"

#include <utility>

#include "objective/document_objective.h"
#include "objective/needle_objective.h"

namespace infini {
namespace {

std::unique_ptr<Objective> make_documents(const TrainConfig& config, const Ranks& ranks) {
  DocumentOptions options;
  options.data = config.data.path;
  options.batches.rows = config.batch_rows;
  options.batches.segment_length = config.segment_length();
  options.batches.segments_per_row = config.segments_per_row();
  options.batches.whole_documents = config.carry_memory;
  options.batches.seed = config.seed;
  options.batches.rank = ranks.rank;
  options.batches.ranks = ranks.size;
  options.validates = config.validation.every > 0;
  options.validation_tokens = config.validation.tokens;
  options.segments_per_chunk = config.segments_per_chunk;
  return std::make_unique<DocumentObjective>(options);
}

std::unique_ptr<Objective> make_needles(const TrainConfig& config, std::shared_ptr<const Tokenizer> tokenizer,
                                        const Ranks& ranks) {
  NeedleObjectiveOptions options;
  options.needles.kind = config.task.kind;
  options.needles.digits = config.task.digits;
  options.needles.needles = config.task.needles;
  options.needles.fillers = config.task.fillers;
  if (config.task.documents) options.needles.documents = config.data.path / "train";
  options.batches.segment_length = config.segment_length();
  options.batches.tokens = config.batch_rows * config.train_length;
  options.batches.language_loss = config.task.language_loss;
  options.batches.gain_all = config.memory_gain.segments == "all";
  options.batches.seed = config.seed;
  options.batches.rank = ranks.rank;
  options.batches.ranks = ranks.size;
  options.curriculum = config.curriculum;
  options.gain = config.memory_gain;
  options.train_length = config.train_length;
  options.validation_rows = config.batch_rows;
  options.validation_tokens = config.validation.tokens;
  options.segments_per_chunk = config.segments_per_chunk;
  return std::make_unique<NeedleObjective>(options, std::move(tokenizer));
}

}  // namespace

std::unique_ptr<Objective> make_objective(const TrainConfig& config, std::shared_ptr<const Tokenizer> tokenizer,
                                          const Ranks& ranks) {
  return config.has_task() ? make_needles(config, std::move(tokenizer), ranks) : make_documents(config, ranks);
}

}  // namespace infini
