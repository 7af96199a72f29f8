#include "eval/needle_cell.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "eval/evidence_share.h"
#include "objective/answer_reading.h"

namespace infini {
namespace {

using torch::Tensor;

/// Examples of one length that are read side by side.
class Rows {
 public:
  Rows(const NeedleTask& task, const NeedleCell& cell, uint64_t seed, int64_t first, int64_t count) {
    for (int64_t row = 0; row < count; ++row) {
      examples_.push_back(task.example(seed, static_cast<uint64_t>(first + row), cell.length, cell.depth));
    }
  }

  int64_t count() const { return static_cast<int64_t>(examples_.size()); }

  /// Tokens [begin, end) of all examples, [B, end − begin].
  Tensor tokens(int64_t begin, int64_t end) const {
    Tensor tokens = torch::empty({count(), end - begin}, torch::kInt64);
    for (int64_t row = 0; row < count(); ++row) {
      int64_t* const out = tokens[row].data_ptr<int64_t>();
      examples_[static_cast<size_t>(row)].read(begin, {out, static_cast<size_t>(end - begin)});
    }
    return tokens;
  }

  /// For each of tokens [begin, end): whether it is evidence. Empty if no token is.
  std::optional<Tensor> evidence(int64_t begin, int64_t end) const {
    const Tensor marks = torch::zeros({count(), end - begin}, torch::kBool);
    bool any = false;
    for (int64_t row = 0; row < count(); ++row) {
      for (const TokenSpan& span : examples_[static_cast<size_t>(row)].evidence()) {
        const int64_t from = std::max(begin, span.begin), to = std::min(end, span.end);
        if (from >= to) continue;
        marks[row].slice(0, from - begin, to - begin).fill_(true);
        any = true;
      }
    }
    return any ? std::optional<Tensor>(marks) : std::nullopt;
  }

  /// The places just before an answer token, [B, K], −1 for none.
  Tensor answers() const {
    int64_t longest = 0;
    for (const Example& example : examples_) longest = std::max(longest, example.answer().end - example.answer().begin);
    Tensor places = torch::full({count(), longest}, -1, torch::kInt64);
    for (int64_t row = 0; row < count(); ++row) {
      const TokenSpan answer = examples_[static_cast<size_t>(row)].answer();
      for (int64_t token = answer.begin; token < answer.end; ++token) places[row][token - answer.begin] = token - 1;
    }
    return places;
  }

  /// The first such place in any example.
  int64_t first_answer() const {
    int64_t first = examples_.front().length();
    for (const Example& example : examples_) first = std::min(first, example.answer().begin - 1);
    return first;
  }

 private:
  std::vector<Example> examples_;
};

/// Reads a group of rows, and adds the results to `outcome`, except the time.
void read_rows(CausalLanguageModel& model, const Rows& rows, int64_t length, const NeedleReading& reading,
               NeedleOutcome& outcome, Tensor& share) {
  const int64_t segment_length = model.config().memory.segment_length;
  const bool segmented = segment_length > 0;
  const bool memory = segmented && reading.memory && model.has_memory();
  const int64_t inputs = length - 1;
  // The last pass begins at the start of the answers' segment, so the answers read the memory as it was before the
  // pass.
  const int64_t last = segmented ? rows.first_answer() / segment_length * segment_length : 0;

  const auto progress = [&](int64_t tokens) {
    outcome.tokens += rows.count() * tokens;
    if (reading.on_progress) reading.on_progress(outcome.tokens);
  };

  const ContextState empty = model.empty_state(rows.count());
  ContextState state = empty;
  EvidenceShare evidence(model.config(), rows.count(), model.device());
  if (segmented && model.depends_on_earlier_segments(reading.memory)) {
    const int64_t segments = std::max<int64_t>(1, reading.chunk_tokens / rows.count() / segment_length);
    for (int64_t begin = 0, end; begin < last; begin = end) {
      end = std::min(begin + segments * segment_length, last);
      const Tensor tokens = rows.tokens(begin, end).to(model.device());
      if (!memory) {
        state = model.forward(tokens, state, {.memory = false}).state.with_memory_of(empty);
      } else if (const std::optional<Tensor> marks = rows.evidence(begin, end)) {
        evidence.follow_written(marks->to(model.device()));
        state.assign(model.forward(tokens, state, {}, &evidence).state);
      } else {
        state.assign(model.memorize(tokens, state));
      }
      progress(end - begin);
    }
  } else {
    progress(last);  // the earlier text has no effect, so skip it
  }

  const Tensor text = rows.tokens(last, length).to(model.device());
  const Tensor tokens = text.slice(1, 0, inputs - last);
  const Tensor answers = rows.answers().to(model.device());
  Tensor hidden;
  if (memory) {
    evidence.follow_read((answers - last).masked_fill(answers.lt(0), -1));
    hidden = model.forward(tokens, state, {}, &evidence).hidden;
  } else {
    hidden = model.forward(tokens, state, {.memory = false}).hidden;
  }
  progress(inputs - last);
  const AnswerReading found = read_answers(model, hidden, text.slice(1, 1), answers, last);
  outcome.exact += found.correct.eq(found.count).sum().item<int64_t>();
  outcome.correct += found.correct.sum().item<int64_t>();
  outcome.answers += found.count.sum().item<int64_t>();
  if (evidence.seen()) share = share.defined() ? share + evidence.sum() : evidence.sum();
}

}  // namespace

NeedleOutcome measure_needles(CausalLanguageModel& model, const NeedleTask& task, const NeedleCell& cell,
                              const NeedleReading& reading) {
  const torch::NoGradGuard no_graph;
  const auto begin = std::chrono::steady_clock::now();
  NeedleOutcome outcome;
  Tensor share;
  for (int64_t first = 0; first < cell.trials; first += reading.rows) {
    const Rows rows(task, cell, reading.seed, first, std::min(reading.rows, cell.trials - first));
    read_rows(model, rows, cell.length, reading, outcome, share);
  }
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (share.defined()) {
    const Tensor mean = share / static_cast<double>(cell.trials);
    for (int64_t layer = 0; layer < mean.size(0); ++layer) {
      const double* const heads = mean[layer].const_data_ptr<double>();
      outcome.evidence_share.emplace_back(heads, heads + mean.size(1));
    }
  }
  return outcome;
}

}  // namespace infini
