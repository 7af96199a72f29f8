#include "train/validation.h"

#include <algorithm>

#include "objective/task_batches.h"
#include "train/device.h"

namespace infini {
namespace {

/// `length` targets of a document from `begin` on, and the tokens before them; one row.
Batch read_piece(const TokenDataset& split, int64_t document, int64_t begin, int64_t length) {
  const torch::Tensor ids = torch::empty({1, length + 1}, torch::kInt64);
  split.read(document, begin, begin + length + 1, ids.mutable_data_ptr<int64_t>());
  Batch piece;
  piece.tokens = ids.narrow(1, 0, length);
  piece.targets = ids.narrow(1, 1, length).contiguous();
  return piece;
}

}  // namespace

ValidationLoss validation_loss(CausalLanguageModel& model, const TokenDataset& split, int64_t chunk_length,
                               int64_t maximum_tokens) {
  const torch::NoGradGuard no_graph;
  ValidationLoss total;
  for (int64_t document = 0; document < split.documents() && total.tokens < maximum_tokens; ++document) {
    MemoryState state = model.empty_state(1);
    const int64_t targets = split.length(document) - 1;
    for (int64_t begin = 0; begin < targets && total.tokens < maximum_tokens; begin += chunk_length) {
      const int64_t length = std::min({chunk_length, targets - begin, maximum_tokens - total.tokens});
      const Batch piece = to_device(read_piece(split, document, begin, length), model.device());
      ForwardResult result = model.forward(piece.tokens, state);
      const torch::Tensor loss = model.loss(result.hidden, piece.targets);
      total.sum = total.sum.defined() ? total.sum + loss : loss;
      total.tokens += length;
      state = std::move(result.state);
    }
  }
  return total;
}

TaskValidation validate_task(CausalLanguageModel& model, const NeedleTask& task, uint64_t seed, int64_t rows,
                             int64_t segments, int64_t segment_length, int64_t segments_per_chunk,
                             int64_t maximum_tokens) {
  const torch::NoGradGuard no_graph;
  TaskValidation total;
  uint64_t examples = 0;
  while (total.answers.empty() || total.loss.tokens < maximum_tokens) {
    const Batch batch = to_device(task_batch(task, seed, examples, rows, segments, segment_length, /*language_loss=*/1),
                                  model.device());
    MemoryState state = model.empty_state(rows);
    AnswerReading answers;
    for (int64_t begin = 0; begin < segments * segment_length; begin += segments_per_chunk * segment_length) {
      const int64_t length = std::min(segments_per_chunk * segment_length, segments * segment_length - begin);
      const torch::Tensor targets = batch.targets.narrow(1, begin, length);
      ForwardResult result = model.forward(batch.tokens.narrow(1, begin, length), state);
      const torch::Tensor loss = model.loss(result.hidden, targets);
      total.loss.sum = total.loss.sum.defined() ? total.loss.sum + loss : loss;
      answers.add(read_answers(model, result.hidden, targets, batch.answers, begin));
      state = std::move(result.state);
    }
    total.answers.push_back(answers);
    total.loss.tokens += batch.target_count;
  }
  return total;
}

}  // namespace infini
