#include "eval/needle_cell.h"

#include <gtest/gtest.h>

#include "eval/evidence_share.h"
#include "model/attention_observer.h"
#include "objective/made_of_bytes.h"

namespace infini {
namespace {

using testing::task_of_bytes;
using torch::Tensor;

std::shared_ptr<CausalLanguageModel> byte_model(const std::string& update, int64_t segment_length = 16,
                                                int64_t short_convolution = 0) {
  torch::set_num_threads(1);
  torch::manual_seed(7);
  ModelConfig config;
  config.vocab_size = 256;
  config.hidden_size = 24;
  config.intermediate_size = 32;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 6;
  config.initializer_range = 0.4;
  config.short_convolution = short_convolution;
  config.memory = {segment_length, update};
  return std::make_shared<CausalLanguageModel>(config, 0.3);
}

Tensor row_of(const Example& example) {
  std::vector<int64_t> tokens(static_cast<size_t>(example.length()));
  example.read(0, tokens);
  return torch::tensor(tokens, torch::kInt64).unsqueeze(0);
}

/// Sets every weight, so that "s" is followed most probably by " ", and " " by "7".
void always_answer_seven(CausalLanguageModel& model) {
  const torch::NoGradGuard no_graph;
  Tensor embedding = model.embedding();
  embedding.zero_();
  embedding['s'][0] = 1;
  embedding[' '][0] = 10;
  embedding[' '][1] = 1;
  embedding['7'][1] = 200;
  for (const auto& parameter : model.named_parameters()) {
    if (parameter.key().ends_with("_proj.weight")) parameter.value().zero_();
  }
}

TEST(NeedleCell, CountsWhatOneForwardPassOverEachExampleGetsRight) {
  for (const char* const update : {"linear", "delta", "none"}) {
    const auto model = byte_model(update);
    const NeedleTask task = task_of_bytes({.digits = 1});
    const NeedleCell cell{.length = 700, .depth = 0.5, .trials = 25};
    int64_t correct = 0, exact = 0;
    always_answer_seven(*model);
    for (uint64_t trial = 0; trial < 25; ++trial) {
      const Example example = task.example(1, trial, cell.length, cell.depth);
      const Tensor row = row_of(example);
      const torch::NoGradGuard no_graph;
      const Tensor hidden = model->forward(row.slice(1, 0, 699), model->empty_state(1)).hidden;
      const Tensor right = model->logits(hidden).argmax(2).eq(row.slice(1, 1)).slice(1, example.answer().begin - 1);
      correct += right.sum().item<int64_t>();
      exact += right.all().item<bool>();
    }
    const NeedleOutcome outcome = measure_needles(*model, task, cell, {.seed = 1, .rows = 2, .chunk_tokens = 96});
    EXPECT_EQ(outcome.correct, correct) << update;
    EXPECT_EQ(outcome.exact, exact) << update;
    EXPECT_EQ(outcome.answers, 25 * 2) << update << ": a digit and the space";
    EXPECT_EQ(outcome.tokens, 25 * 699) << update;
    EXPECT_GT(exact, 0) << "or nothing was tested";
    EXPECT_LT(exact, 25);
  }
}

TEST(NeedleCell, ChunksAndRowsDoNotChangeWhatIsRead) {
  const auto model = byte_model("delta");
  const NeedleTask task = task_of_bytes();
  const NeedleCell cell{.length = 900, .depth = 0.2, .trials = 4};
  const NeedleOutcome a = measure_needles(*model, task, cell, {.seed = 1, .rows = 1, .chunk_tokens = 16});
  const NeedleOutcome b = measure_needles(*model, task, cell, {.seed = 1, .rows = 4, .chunk_tokens = 1 << 20});
  EXPECT_EQ(a.correct, b.correct);
  for (size_t layer = 0; layer < 2; ++layer) {
    for (size_t head = 0; head < 4; ++head) {
      EXPECT_NEAR(a.evidence_share[layer][head], b.evidence_share[layer][head], 1e-5);
      EXPECT_GT(a.evidence_share[layer][head], 0);
      EXPECT_LT(a.evidence_share[layer][head], 1);
    }
  }
}

/// σ(q)·σ(k) in plain loops: over all tokens before the answer's segment, and over the evidence's tokens.
class WeightsOfEvidence : public AttentionObserver {
 public:
  WeightsOfEvidence(const Example& example, int64_t segment) : example_(example), segment_(segment) {}

  void observe(int64_t layer, const ops::AttentionArguments& attention) override {
    const auto sigma = [](double x) { return x > 0 ? x + 1 : std::exp(x); };
    const Tensor &q = attention.q, &k = attention.k;
    const TokenSpan span = example_.evidence()[0];
    for (int64_t head = 0; head < 4; ++head) {
      for (int64_t place = example_.answer().begin - 1; place < example_.length() - 1; ++place) {
        double all = 0, evidence = 0;
        for (int64_t token = 0; token < segment_; ++token) {
          double weight = 0;
          for (int64_t i = 0; i < 6; ++i) {
            weight += sigma(q[0][head][place][i].item<double>()) * sigma(k[0][head / 2][token][i].item<double>());
          }
          all += weight;
          if (token >= span.begin && token < span.end) evidence += weight;
        }
        expected[static_cast<size_t>(layer)][static_cast<size_t>(head)] += evidence / all / 6;
      }
    }
  }

  std::vector<std::vector<double>> expected{2, std::vector<double>(4)};

 private:
  const Example& example_;
  int64_t segment_;
};

TEST(NeedleCell, TheShareOfTheEvidenceIsThatOfItsKernelWeights) {
  const auto model = byte_model("linear");
  const NeedleTask task = task_of_bytes();
  const NeedleCell cell{.length = 500, .depth = 0.5, .trials = 1};
  const Example example = task.example(1, 0, cell.length, cell.depth);
  const int64_t segment = (example.answer().begin - 1) / 16 * 16;
  const torch::NoGradGuard no_graph;
  const Tensor row = row_of(example).slice(1, 0, cell.length - 1);
  WeightsOfEvidence weights(example, segment);
  model->forward(row, model->empty_state(1), {}, &weights);
  const NeedleOutcome outcome = measure_needles(*model, task, cell, {.seed = 1});
  for (size_t layer = 0; layer < 2; ++layer) {
    for (size_t head = 0; head < 4; ++head)
      EXPECT_NEAR(outcome.evidence_share[layer][head], weights.expected[layer][head], 1e-5);
  }
}

TEST(NeedleCell, WithoutMemoryNothingBeforeTheSegmentCounts) {
  const auto model = byte_model("linear", 64);
  const NeedleTask task = task_of_bytes();
  const NeedleCell cell{.length = 320, .depth = 0, .trials = 300};  // the answer is in the last segment
  const NeedleOutcome outcome = measure_needles(*model, task, cell, {.seed = 1, .memory = false});
  EXPECT_TRUE(outcome.evidence_share.empty());
  EXPECT_EQ(outcome.answers, 300 * 6);
  const torch::NoGradGuard no_graph;
  int64_t correct = 0, with_memory = measure_needles(*model, task, cell, {.seed = 1}).correct;
  for (uint64_t trial = 0; trial < 300; ++trial) {
    const Example example = task.example(1, trial, cell.length, cell.depth);
    const int64_t first = example.answer().begin - 1, segment = first / 64 * 64;
    const Tensor last = row_of(example).slice(1, segment);
    const Tensor hidden = model->forward(last.slice(1, 0, last.size(1) - 1), model->empty_state(1)).hidden;
    correct += model->logits(hidden).argmax(2).eq(last.slice(1, 1)).slice(1, first - segment).sum().item<int64_t>();
  }
  EXPECT_EQ(outcome.correct, correct);
  EXPECT_NE(outcome.correct, with_memory) << "or nothing was tested";
}

TEST(NeedleCell, WithoutMemoryAShortConvolutionReadsOnAcrossSegments) {
  const NeedleTask task = task_of_bytes();
  const NeedleCell cell{.length = 320, .depth = 0.5, .trials = 300};
  const torch::NoGradGuard no_graph;
  for (const char* const update : {"linear", "none"}) {
    // The answers are predicted from the first tokens of a segment as well.
    const auto model = byte_model(update, 4, 4);
    const auto correct_in = [&](int64_t cut) {
      int64_t correct = 0;
      for (uint64_t trial = 0; trial < 300; ++trial) {
        const Example example = task.example(1, trial, cell.length, cell.depth);
        const Tensor row = row_of(example).slice(1, cut == 0 ? 0 : (example.answer().begin - 1) / 4 * 4);
        const int64_t first = example.answer().begin - 1 - (cell.length - row.size(1));
        const Tensor hidden =
            model->forward(row.slice(1, 0, row.size(1) - 1), model->empty_state(1), {.memory = false}).hidden;
        correct += model->logits(hidden).argmax(2).eq(row.slice(1, 1)).slice(1, first).sum().item<int64_t>();
      }
      return correct;
    };
    const NeedleOutcome outcome = measure_needles(*model, task, cell, {.seed = 1, .memory = false, .chunk_tokens = 64});
    EXPECT_EQ(outcome.correct, correct_in(0)) << update;
    EXPECT_NE(outcome.correct, correct_in(1)) << "or nothing was tested";
    EXPECT_TRUE(outcome.evidence_share.empty());
    EXPECT_EQ(outcome.tokens, 300 * 319);
  }
}

}  // namespace
}  // namespace infini
