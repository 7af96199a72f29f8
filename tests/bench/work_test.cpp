#include "bench/work.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "model/causal_language_model.h"

// The counts in closed form against sums over every token, head and pair, written down as the equations read.
namespace infini {
namespace {

/// Multiplications and additions of one token's row [D] times a matrix [D, E], added up element by element.
int64_t row_times_matrix(int64_t key_width, int64_t value_width) {
  int64_t operations = 0;
  for (int64_t column = 0; column < value_width; ++column) {
    for (int64_t row = 0; row < key_width; ++row) operations += 2;
  }
  return operations;
}

int64_t plain_forward_operations(const AttentionSizes& sizes, const std::string& update) {
  int64_t operations = 0;
  for (int64_t row = 0; row < sizes.rows; ++row) {
    for (int64_t head = 0; head < sizes.heads; ++head) {
      for (int64_t query = 0; query < sizes.tokens; ++query) {
        for (int64_t key = 0; key <= query; ++key) {
          if (key / sizes.segment_length != query / sizes.segment_length) continue;
          operations += 2 * sizes.key_width + 2 * sizes.value_width;
        }
        if (update != "none") {
          operations += row_times_matrix(sizes.key_width, sizes.value_width);  // σ(q) M
          operations += row_times_matrix(sizes.key_width, 1);                  // σ(q) z
        }
      }
    }
    for (int64_t head = 0; head < sizes.key_value_heads && update != "none"; ++head) {
      for (int64_t key = 0; key < sizes.tokens; ++key) {
        const int64_t segment_end = (key / sizes.segment_length + 1) * sizes.segment_length;
        if (segment_end > sizes.tokens) continue;  // a partial segment is not written
        const int64_t times = update == "delta" ? 2 : 1;
        operations += times * row_times_matrix(sizes.key_width, sizes.value_width);
        operations += times * row_times_matrix(sizes.key_width, 1);
      }
    }
  }
  return operations;
}

int64_t bytes(const std::vector<torch::Tensor>& tensors) {
  int64_t sum = 0;
  for (const torch::Tensor& tensor : tensors) sum += static_cast<int64_t>(tensor.nbytes());
  return sum;
}

class AttentionWorkTest : public ::testing::TestWithParam<AttentionSizes> {};

TEST_P(AttentionWorkTest, OperationsAreThoseOfPlainSumsOverAllTokens) {
  for (const char* update : {"none", "linear", "delta"}) {
    const double wanted = static_cast<double>(plain_forward_operations(GetParam(), update));
    EXPECT_EQ(attention_forward_work(GetParam(), update, 4).operations, wanted) << update;
    EXPECT_EQ(attention_backward_work(GetParam(), update, 4).operations, 2 * wanted) << update;
  }
}

TEST_P(AttentionWorkTest, BytesAreThoseOfTheTensorsThatGoInAndComeOut) {
  const AttentionSizes& sizes = GetParam();
  const auto activation = [&](int64_t heads, int64_t width) {
    return torch::empty({sizes.rows, heads, sizes.tokens, width}, torch::kBFloat16);
  };
  const auto q = activation(sizes.heads, sizes.key_width), k = activation(sizes.key_value_heads, sizes.key_width);
  const auto v = activation(sizes.key_value_heads, sizes.value_width);
  const auto out = activation(sizes.heads, sizes.value_width);
  const auto memory = torch::empty({sizes.rows, sizes.key_value_heads, sizes.key_width, sizes.value_width});
  const auto norm = torch::empty({sizes.rows, sizes.key_value_heads, sizes.key_width});
  const auto beta = torch::empty({sizes.heads});
  const auto cos = torch::empty({std::min(sizes.segment_length, sizes.tokens), sizes.key_width});
  const std::vector<torch::Tensor> inputs = {q, k, v, beta, memory, norm}, outputs = {out, memory, norm};
  const int64_t tables = 2 * bytes({cos});
  EXPECT_EQ(attention_forward_work(sizes, "linear", 2).bytes, bytes(inputs) + tables + bytes(outputs));
  EXPECT_EQ(attention_backward_work(sizes, "linear", 2).bytes, bytes(inputs) + tables + bytes(outputs) + bytes(inputs));
}

INSTANTIATE_TEST_SUITE_P(Sizes, AttentionWorkTest,
                         ::testing::Values(AttentionSizes{1, 1, 1, 8, 4, 2, 2}, AttentionSizes{2, 4, 2, 11, 4, 4, 6},
                                           AttentionSizes{1, 3, 1, 5, 16, 4, 4}, AttentionSizes{3, 2, 2, 7, 1, 6, 2}));

TEST(TrainingStepWork, CountsEachWeightMatrixAndEachLayersAttentionThreeTimes) {
  ModelConfig config;
  config.vocab_size = 50;
  config.hidden_size = 32;
  config.intermediate_size = 48;
  config.num_hidden_layers = 3;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 10;
  config.memory = {16, "delta"};
  for (const bool tied : {true, false}) {
    config.tie_word_embeddings = tied;
    const CausalLanguageModel model(config);
    int64_t elements = 0;
    for (const auto& parameter : model.named_parameters()) {
      // An embedding of its own is looked up; a tied one is multiplied with too.
      if (parameter.value().dim() == 2 && (tied || parameter.key() != "model.embed_tokens.weight")) {
        elements += parameter.value().numel();
      }
    }
    const int64_t rows = 2, tokens = 40;
    const int64_t attention = 3 * plain_forward_operations({rows, 4, 2, tokens, 16, 10, 10}, "delta");
    EXPECT_EQ(training_step_work(config, rows, tokens).operations,
              static_cast<double>(3 * (2 * rows * tokens * elements + attention)))
        << tied;
  }
}

TEST(TrainingStepWork, TakesAModelWithoutSegmentsAsOneSegment) {
  ModelConfig whole;
  whole.memory = {0, "none"};
  ModelConfig segment = whole;
  segment.memory = {300, "none"};
  EXPECT_EQ(training_step_work(whole, 1, 300).operations, training_step_work(segment, 1, 300).operations);
}

}  // namespace
}  // namespace infini
