// Compares the whole model with the paper's formulas in plain loops.
#include "model/plain_model.h"

#include <gtest/gtest.h>

#include "model/loading.h"
#include "model/tiny_model.h"

namespace infini {
namespace {

using torch::Tensor;

struct Case {
  std::string name, update;
  int64_t segment_length, tokens;
  bool qk_norm, biases, tied;
  int64_t short_convolution = 0;
};

class PlainModel : public testing::TestWithParam<Case> {};

TEST_P(PlainModel, GivesTheSameLogits) {
  const Case& c = GetParam();
  ModelConfig config = tiny_config(c.update, c.segment_length);
  config.qk_norm = c.qk_norm;
  config.attention_bias = config.mlp_bias = c.biases;
  config.tie_word_embeddings = c.tied;
  config.short_convolution = c.short_convolution;
  const auto model = double_model(config);
  const Tensor tokens = random_tokens(2, c.tokens);

  const int64_t segments = c.segment_length == 0 ? 1 : (c.tokens + c.segment_length - 1) / c.segment_length;
  Tensor starts = torch::zeros({2, segments}, torch::kBool), gain = torch::ones({2, segments}, torch::kFloat64);
  if (segments > 2) {
    starts[0][0] = true;
    starts[1][2] = true;
    gain[0][1] = 7.0;
    gain[1][0] = 0.5;
  }
  const torch::NoGradGuard no_graph;
  const Tensor found = model->logits(model->forward(tokens, model->empty_state(2), {starts, gain}).hidden);
  for (int64_t row = 0; row < 2; ++row) {
    const int64_t* ids = tokens[row].const_data_ptr<int64_t>();
    std::vector<bool> row_starts;
    plain::Vector row_gain;
    for (int64_t s = 0; s < segments; ++s) {
      row_starts.push_back(starts[row][s].item<bool>());
      row_gain.push_back(gain[row][s].item<double>());
    }
    const Tensor expected = plain::logits({model_weights(*model)}, config, {ids, ids + c.tokens}, row_starts, row_gain);
    EXPECT_LT(distance(found[row], expected), 1e-11) << "row " << row;
  }
}

INSTANTIATE_TEST_SUITE_P(
    EveryKind, PlainModel,
    testing::Values(Case{"linear", "linear", 5, 20, false, false, true},
                    Case{"delta", "delta", 5, 20, false, false, true},
                    Case{"local_only", "none", 5, 20, false, false, true},
                    Case{"full_attention", "none", 0, 20, false, false, true},
                    Case{"linear_with_a_partial_segment", "linear", 5, 18, false, true, false},
                    Case{"delta_with_normed_heads_and_biases", "delta", 4, 19, true, true, false},
                    Case{"linear_with_a_short_convolution", "linear", 5, 18, false, true, true, 4},
                    Case{"delta_with_a_convolution_wider_than_a_segment", "delta", 3, 19, true, false, true, 5},
                    Case{"local_only_with_a_short_convolution", "none", 5, 20, true, false, true, 2},
                    Case{"full_attention_with_a_short_convolution", "none", 0, 20, false, false, true, 4}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace infini
