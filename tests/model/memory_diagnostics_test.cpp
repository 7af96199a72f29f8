#include "model/memory_diagnostics.h"

#include <gtest/gtest.h>

#include "model/decoder.h"
#include "model/infini_attention.h"
#include "model/tiny_model.h"
#include "ops/ops.h"

namespace infini {
namespace {

using torch::Tensor;

// Segment after segment with the ops of one segment, on the very inputs that each layer sees in a forward pass.
Tensor shares_one_segment_at_a_time(CausalLanguageModel& model, const Tensor& tokens, const MemoryState& state,
                                    const Tensor& starts, const Tensor& gain) {
  constexpr int64_t kLength = 5;
  const Segments segments = model.segments(tokens.size(1), starts, gain);
  MemoryState next = state;
  std::vector<Tensor> shares;
  const auto measure = [&](size_t layer, const InfiniAttention& attention, const Tensor& x) {
    const auto [q, k, v] = attention.project(x);
    const Tensor gate = torch::sigmoid(attention.memory_gate()).view({1, 4, 1});
    Tensor memory = state.memory[layer], norm = state.norm[layer], sum = torch::zeros({4}, torch::kFloat64);
    for (int64_t first = 0; first < tokens.size(1); first += kLength) {
      const auto part = [&](const Tensor& heads) { return heads.slice(2, first, first + kLength); };
      const Tensor keep = starts.select(1, first / kLength).logical_not().view({-1, 1, 1, 1});
      memory = memory * keep;
      norm = norm * keep.squeeze(3);
      const auto [cos, sin] = segments.rotary;
      const Tensor local = torch::scaled_dot_product_attention(ops::rotate(part(q), cos, sin),
                                                               ops::rotate(part(k), cos, sin).repeat_interleave(2, 1),
                                                               part(v).repeat_interleave(2, 1), {}, 0, true);
      const Tensor remembered = gate * ops::memory_retrieve(part(q), memory, norm).norm(2, {3});
      const Tensor empty = norm.eq(0).all(-1).repeat_interleave(2, 1).unsqueeze(2);
      const Tensor seen = torch::where(empty, 1, 1 - gate) * local.norm(2, {3});
      sum += (remembered / (remembered + seen)).sum(torch::IntArrayRef{0, 2});
      const auto [written, written_norm] =
          ops::memory_update(part(k), part(v), memory, norm, model.config().memory.update);
      const Tensor of_segment = gain.select(1, first / kLength).view({-1, 1, 1, 1});
      memory = memory + of_segment * (written - memory);
      norm = norm + of_segment.squeeze(3) * (written_norm - norm);
    }
    shares.push_back(sum / tokens.numel());
    return attention.forward(x, next.memory[layer], next.norm[layer], segments);
  };
  model.decoder().forward(tokens, torch::kFloat64, measure);
  return torch::stack(shares);
}

TEST(MemoryDiagnostics, ShareIsThatOfTheTwoPartsOfTheOutput) {
  const torch::NoGradGuard no_graph;
  for (const std::string update : {"linear", "delta"}) {
    const auto model = double_model(tiny_config(update));
    const Tensor tokens = random_tokens(2, 20);
    Tensor starts = torch::zeros({2, 4}, torch::kBool);
    starts[0][2] = true;
    starts[1][0] = true;
    const Tensor gain = torch::tensor({{1.0, 4.0, 2.0, 1.0}, {8.0, 1.0, 0.5, 3.0}}, torch::kFloat64);
    const MemoryState state = model->forward(random_tokens(2, 5, 23, 9), model->empty_state(2)).state;
    for (const MemoryState& incoming : {state, model->empty_state(2)}) {
      const MemoryDiagnostics found = diagnose(*model, tokens, incoming, starts, gain);
      EXPECT_LT(distance(found.memory_share, shares_one_segment_at_a_time(*model, tokens, incoming, starts, gain)),
                1e-6);
      EXPECT_GT(found.memory_share.min().item<double>(), 0.01);
      for (int64_t layer = 0; layer < 2; ++layer) {
        const std::string name = "model.layers." + std::to_string(layer) + ".self_attn.memory_gate";
        EXPECT_LT(distance(found.gates[layer], model->named_parameters()[name].sigmoid()), 1e-7);
      }
    }
  }
}

TEST(MemoryDiagnostics, AModelWithoutMemoryHasNoShare) {
  for (const int64_t segment_length : {0, 5}) {
    const auto model = double_model(tiny_config("none", segment_length));
    const MemoryDiagnostics found = diagnose(*model, random_tokens(1, 10), model->empty_state(1));
    EXPECT_EQ(found.memory_share.sizes(), torch::IntArrayRef({2, 4}));
    EXPECT_EQ(found.memory_share.abs().sum().item<double>(), 0);
    EXPECT_EQ(found.gates.abs().sum().item<double>(), 0);
  }
}

TEST(MemoryDiagnostics, AnEmptyMemoryHasNoShare) {
  const auto model = double_model(tiny_config("delta"));
  const MemoryDiagnostics found = diagnose(*model, random_tokens(1, 5), model->empty_state(1));
  EXPECT_EQ(found.memory_share.abs().sum().item<double>(), 0);
}

}  // namespace
}  // namespace infini
