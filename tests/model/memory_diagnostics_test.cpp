#include "model/memory_diagnostics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "model/plain_readings.h"
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

using Readings = std::map<std::string, Tensor>;

/// What was read in one pass, by name: [layers, heads].
Readings diagnose(CausalLanguageModel& model, const Tensor& tokens, const ContextState& state,
                  const SegmentMarks& marks = {}) {
  const torch::NoGradGuard no_graph;
  MemoryDiagnostics found(model.config(), torch::kCPU);
  model.forward(tokens, state, marks, &found);
  Readings readings;
  for (const DeviceReading& reading : found.readings()) {
    readings[reading.name] = reading.on_host == nullptr ? reading.values : reading.on_host(reading.values);
  }
  return readings;
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
      const Readings found = diagnose(*model, tokens, incoming, {starts, gain});
      OneSegmentAtATime expected;
      model->forward(tokens, incoming, {starts, gain}, &expected);
      EXPECT_LT(distance(found.at("memory_share"), expected.shares()), 1e-6);
      EXPECT_GT(found.at("memory_share").min().item<double>(), 0.01);
      for (int64_t layer = 0; layer < 2; ++layer) {
        const std::string name = "model.layers." + std::to_string(layer) + ".self_attn.memory_gate";
        EXPECT_LT(distance(found.at("gates")[layer], model->named_parameters()[name].sigmoid()), 1e-7);
      }
    }
  }
}

/// The largest difference, relative to the expected value.
double relative_distance(const Tensor& found, const plain::Rows& expected) {
  double worst = 0;
  for (size_t layer = 0; layer < expected.size(); ++layer) {
    EXPECT_EQ(found.size(1), static_cast<int64_t>(expected[layer].size()));
    for (size_t head = 0; head < expected[layer].size(); ++head) {
      const double difference = found[layer][head].item<double>() - expected[layer][head];
      const double relative = std::abs(difference / expected[layer][head]);
      EXPECT_FALSE(std::isnan(relative));
      worst = std::max(worst, relative);
    }
  }
  return worst;
}

TEST(MemoryDiagnostics, WhatTheMemoryHoldsIsWhatPlainLoopsFind) {
  const torch::NoGradGuard no_graph;
  for (const std::string update : {"linear", "delta"}) {
    const auto model = double_model(tiny_config(update));
    const Tensor tokens = random_tokens(2, 23);  // four segments, and a part of a fifth
    Tensor starts = torch::zeros({2, 5}, torch::kBool);
    starts[0][2] = true;
    const Tensor gain = torch::tensor({{1.0, 4.0, 2.0, 1.0, 1.0}, {8.0, 1.0, 0.5, 3.0, 1.0}}, torch::kFloat64);
    const ContextState state = model->forward(random_tokens(2, 5, 23, 9), model->empty_state(2)).state;
    Tensor one_ends_empty = starts.clone();
    one_ends_empty[1][4] = true;
    for (const SegmentMarks& marks : {SegmentMarks{}, SegmentMarks{starts, gain}, SegmentMarks{one_ends_empty}}) {
      for (const ContextState& incoming : {state, model->empty_state(2)}) {
        plain::Readings expected;
        model->forward(tokens, incoming, marks, &expected);
        const Readings found = diagnose(*model, tokens, incoming, marks);
        for (const auto& [name, values] : expected.values) {
          EXPECT_LT(relative_distance(found.at(name), values), 1e-4) << update << ", " << name;
        }
      }
    }
  }
}

TEST(MemoryDiagnostics, AMemoryThatReturnsEveryValueHasNoError) {
  torch::manual_seed(1);
  ops::AttentionArguments attention{.q = torch::zeros({1, 2, 4, 4}),
                                    // Keys that share no feature: σ(−30) is next to nothing, so each finds its value.
                                    .k = (torch::eye(4) * 60 - 30).view({1, 1, 4, 4}),
                                    .v = torch::randn({1, 1, 4, 4}),
                                    .beta = torch::zeros({2}),
                                    .memory = torch::zeros({1, 1, 4, 4}),
                                    .norm = torch::zeros({1, 1, 4}),
                                    .cos = torch::ones({4, 4}),
                                    .sin = torch::zeros({4, 4}),
                                    .segment_length = 4,
                                    .update = "linear"};
  ModelConfig config = tiny_config("linear");
  config.num_attention_heads = 2;
  config.num_key_value_heads = 1;
  config.head_dim = 4;
  const auto error_of = [&] {
    MemoryDiagnostics diagnostics(config, torch::kCPU);
    diagnostics.observe(0, attention);
    return diagnostics.readings().at(4).values[0][0].item<double>();
  };
  EXPECT_LT(error_of(), 1e-6);
  attention.k.fill_(1);  // all keys are the same, so all find the mean value
  EXPECT_NEAR(error_of(), 1, 1e-5);
}

TEST(MemoryDiagnostics, AModelWithoutMemoryHasNoReading) {
  for (const int64_t segment_length : {0, 5}) {
    const auto model = double_model(tiny_config("none", segment_length));
    EXPECT_TRUE(diagnose(*model, random_tokens(1, 10), model->empty_state(1)).empty());
  }
}

TEST(MemoryDiagnostics, AMemoryThatIsNeverWrittenHasNoShareAndHoldsNothing) {
  const auto model = double_model(tiny_config("delta"));
  const Readings found = diagnose(*model, random_tokens(1, 4), model->empty_state(1));
  EXPECT_EQ(found.at("memory_share").abs().sum().item<double>(), 0);
  for (const char* const name : {"retrieval_norm", "effective_rank", "retrieval_error", "z", "z_per_segment"}) {
    EXPECT_TRUE(found.at(name).isnan().all().item<bool>()) << name;
  }
}

TEST(MemoryDiagnostics, CountsForHowManyTokensThePredictorKnew) {
  MemoryDiagnostics diagnostics(tiny_config("none"), torch::kCPU);
  diagnostics.observe_routing(1, torch::tensor({true, false, true, true}).view({2, 2}));
  diagnostics.observe_routing(1, torch::tensor({true, false}).view({2, 1}));
  const std::vector<DeviceReading> readings = diagnostics.readings();
  ASSERT_EQ(readings.size(), 1u);
  EXPECT_EQ(readings[0].name, "depth_accuracy");
  EXPECT_TRUE(std::isnan(readings[0].values[0][0].item<double>())) << "all tokens go through this layer";
  EXPECT_FLOAT_EQ(readings[0].values[1][0].item<float>(), 4.0F / 6);
}

TEST(DeviceReadings, ArriveOnTheHostInOneTransferOneAfterTheOther) {
  const Tensor first = torch::tensor({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}).view({3, 2});
  const auto row_sums = [](const Tensor& values) { return values.sum(-1); };
  const std::vector<DeviceReading> readings = {{"first", first.t()}, {"sums", first.view({1, 3, 2}), row_sums}};
  const Tensor copied = copy_to_host({torch::tensor({9.0}), first.t(), first});
  const double* next = copied.const_data_ptr<double>() + 1;
  const std::vector<Reading> taken = take_readings(readings, next);
  EXPECT_EQ(taken[0].name, "first");
  EXPECT_EQ(taken[0].values, (std::vector<std::vector<double>>{{1, 3, 5}, {2, 4, 6}}));
  EXPECT_EQ(taken[1].values, (std::vector<std::vector<double>>{{3, 7, 11}}));
  EXPECT_EQ(next, copied.const_data_ptr<double>() + copied.numel());
}

}  // namespace
}  // namespace infini
