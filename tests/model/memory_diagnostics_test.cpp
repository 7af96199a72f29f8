#include "model/memory_diagnostics.h"

#include <gtest/gtest.h>

#include "model/tiny_model.h"
#include "ops/ops.h"

namespace infini {
namespace {

using torch::Tensor;

/// Computes the same numbers segment by segment, with the ops for one segment, from the inputs of each layer's
/// attention.
class OneSegmentAtATime : public AttentionObserver {
 public:
  void observe(int64_t /*layer*/, const ops::AttentionArguments& attention) override {
    const Tensor gate = torch::sigmoid(attention.beta).view({1, 4, 1});
    Tensor memory = attention.memory, norm = attention.norm, sum = torch::zeros({4}, torch::kFloat64);
    const int64_t tokens = attention.q.size(2), length = attention.segment_length;
    for (int64_t first = 0; first < tokens; first += length) {
      const auto part = [&](const Tensor& heads) { return heads.slice(2, first, first + length); };
      const auto rotated = [&](const Tensor& heads) { return ops::rotate(part(heads), attention.cos, attention.sin); };
      const Tensor keep = attention.starts->select(1, first / length).logical_not().view({-1, 1, 1, 1});
      memory = memory * keep;
      norm = norm * keep.squeeze(3);
      const Tensor local =
          torch::scaled_dot_product_attention(rotated(attention.q), rotated(attention.k).repeat_interleave(2, 1),
                                              part(attention.v).repeat_interleave(2, 1), {}, 0, true);
      const Tensor remembered = gate * ops::memory_retrieve(part(attention.q), memory, norm).norm(2, {3});
      const Tensor empty = norm.eq(0).all(-1).repeat_interleave(2, 1).unsqueeze(2);
      const Tensor seen = torch::where(empty, 1, 1 - gate) * local.norm(2, {3});
      sum += (remembered / (remembered + seen)).sum(torch::IntArrayRef{0, 2});
      const auto [written, written_norm] =
          ops::memory_update(part(attention.k), part(attention.v), memory, norm, attention.update);
      const Tensor of_segment = attention.gain->select(1, first / length).view({-1, 1, 1, 1});
      memory = memory + of_segment * (written - memory);
      norm = norm + of_segment.squeeze(3) * (written_norm - norm);
    }
    shares_.push_back(sum / (attention.q.size(0) * tokens));
  }

  /// [layers, H]
  Tensor shares() const { return torch::stack(shares_); }

 private:
  std::vector<Tensor> shares_;
};

MemoryDiagnostics diagnose(CausalLanguageModel& model, const Tensor& tokens, const ContextState& state,
                           const SegmentMarks& marks = {}) {
  const torch::NoGradGuard no_graph;
  MemoryDiagnostics found(model.config(), torch::kCPU);
  model.forward(tokens, state, marks, &found);
  return found;
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
    const ContextState state = model->forward(random_tokens(2, 5, 23, 9), model->empty_state(2)).state;
    for (const ContextState& incoming : {state, model->empty_state(2)}) {
      const MemoryDiagnostics found = diagnose(*model, tokens, incoming, {starts, gain});
      OneSegmentAtATime expected;
      model->forward(tokens, incoming, {starts, gain}, &expected);
      EXPECT_LT(distance(found.memory_share(), expected.shares()), 1e-6);
      EXPECT_GT(found.memory_share().min().item<double>(), 0.01);
      for (int64_t layer = 0; layer < 2; ++layer) {
        const std::string name = "model.layers." + std::to_string(layer) + ".self_attn.memory_gate";
        EXPECT_LT(distance(found.gates()[layer], model->named_parameters()[name].sigmoid()), 1e-7);
      }
    }
  }
}

TEST(MemoryDiagnostics, AModelWithoutMemoryHasNoShare) {
  for (const int64_t segment_length : {0, 5}) {
    const auto model = double_model(tiny_config("none", segment_length));
    const MemoryDiagnostics found = diagnose(*model, random_tokens(1, 10), model->empty_state(1));
    EXPECT_EQ(found.memory_share().sizes(), torch::IntArrayRef({2, 4}));
    EXPECT_EQ(found.memory_share().abs().sum().item<double>(), 0);
    EXPECT_EQ(found.gates().abs().sum().item<double>(), 0);
  }
}

TEST(MemoryDiagnostics, AnEmptyMemoryHasNoShare) {
  const auto model = double_model(tiny_config("delta"));
  const MemoryDiagnostics found = diagnose(*model, random_tokens(1, 5), model->empty_state(1));
  EXPECT_EQ(found.memory_share().abs().sum().item<double>(), 0);
}

}  // namespace
}  // namespace infini
