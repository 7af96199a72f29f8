#include "model/routed_block.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "model/attention_observer.h"
#include "model/finite_differences.h"
#include "model/infini_attention.h"
#include "model/local_attention.h"
#include "model/plain_model.h"
#include "model/tiny_model.h"

namespace infini {
namespace {

using plain::Rows;
using plain::Vector;
using torch::Tensor;

constexpr int64_t kSegmentLength = 5;

ModelConfig routed_config(double capacity, const std::string& update = "none") {
  ModelConfig config = tiny_config(update, kSegmentLength);
  config.depth = {.capacity = capacity, .every = 1};
  return config;
}

/// A block alone, in double, with weights so large that every part changes the result.
struct Routed {
  explicit Routed(const ModelConfig& config) : config(config), rotary(config.head_dim, config.rope_theta) {
    std::shared_ptr<LayerAttention> attention;
    if (config.memory.update == "none") {
      attention = std::make_shared<LocalAttention>(config, 0, torch::kFloat64);
    } else {
      attention = std::make_shared<InfiniAttention>(config, 0, torch::kFloat64);
    }
    block = std::make_shared<RoutedBlock>(config, 0, torch::kFloat64, attention);
    torch::manual_seed(3);
    const torch::NoGradGuard no_graph;
    for (Tensor& parameter : block->parameters()) {
      if (parameter.dim() == 1) {
        parameter.copy_(torch::randn_like(parameter) * 0.3 + 1);
      } else {
        parameter.normal_(0, 0.5);
      }
    }
  }

  Pass pass() { return {.segments = {.length = kSegmentLength}, .rotary = &rotary}; }

  Tensor forward(const Tensor& x) {
    ContextState state;
    Pass once = pass();
    return block->forward(x, state, once);
  }

  plain::Weights weights() const {
    plain::Weights weights;
    for (const auto& item : block->named_parameters()) weights.tensors[item.key()] = item.value().detach().contiguous();
    return weights;
  }

  Tensor parameter(const std::string& name) const { return block->named_parameters()[name]; }

  ModelConfig config;
  RotaryEmbedding rotary;
  std::shared_ptr<RoutedBlock> block;
};

Tensor made_up_input(int64_t rows, int64_t tokens) {
  torch::manual_seed(8);
  return torch::randn({rows, tokens, 12}, torch::kFloat64);
}

Rows rows_of(const Tensor& x) {
  Rows rows;
  for (int64_t t = 0; t < x.size(0); ++t) {
    const Tensor row = x[t].detach().contiguous();
    rows.emplace_back(row.const_data_ptr<double>(), row.const_data_ptr<double>() + row.numel());
  }
  return rows;
}

/// f(x) = block(x) − x, where the tokens x are all that there is.
Rows plain_change(const Rows& x, const plain::Weights& weights, ModelConfig config) {
  config.memory.segment_length = 0;
  Rows normed;
  for (const Vector& row : x) {
    normed.push_back(plain::rms_norm(row, weights, "input_layernorm.weight", config.rms_norm_eps));
  }
  const Rows attended = plain::attention(normed, weights, "self_attn.", config, {}, {});
  Rows change;
  for (size_t t = 0; t < x.size(); ++t) {
    change.push_back(plain::linear(attended[t], weights, "self_attn.o_proj"));
    Vector sum = x[t];
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += change[t][i];
    const Vector input = plain::rms_norm(sum, weights, "post_attention_layernorm.weight", config.rms_norm_eps);
    Vector gate = plain::linear(input, weights, "mlp.gate_proj");
    const Vector up = plain::linear(input, weights, "mlp.up_proj");
    for (size_t i = 0; i < gate.size(); ++i) gate[i] *= up[i] / (1 + std::exp(-gate[i]));
    const Vector fed = plain::linear(gate, weights, "mlp.down_proj");
    for (size_t i = 0; i < fed.size(); ++i) change[t][i] += fed[i];
  }
  return change;
}

double score(const Vector& x, const plain::Weights& weights) { return plain::linear(x, weights, "router")[0]; }

double prediction(const Vector& x, const plain::Weights& weights) {
  Vector hidden = plain::linear(x, weights, "predictor");
  for (double& value : hidden) value /= 1 + std::exp(-value);
  return plain::linear(hidden, weights, "predictor_output")[0];
}

/// The places among `x` of the `count` tokens with the largest scores, in their order.
std::vector<size_t> largest(const Rows& x, const plain::Weights& weights, size_t count) {
  std::vector<size_t> places(x.size());
  std::iota(places.begin(), places.end(), 0);
  std::sort(places.begin(), places.end(),
            [&](size_t a, size_t b) { return score(x[a], weights) > score(x[b], weights); });
  places.resize(count);
  std::sort(places.begin(), places.end());
  return places;
}

std::vector<size_t> predicted(const Rows& x, const plain::Weights& weights) {
  std::vector<size_t> places;
  for (size_t t = 0; t < x.size(); ++t) {
    if (prediction(x[t], weights) > 0) places.push_back(t);
  }
  return places;
}

Rows segment_of(const Rows& x, size_t begin) {
  return {x.begin() + begin, x.begin() + std::min(begin + kSegmentLength, x.size())};
}

/// One row: y_t = x_t + r_t f(x)_t at the places that `choose` names in each segment, y_t = x_t elsewhere.
template <typename Choose>
Rows plain_routed(const Rows& x, const plain::Weights& weights, const ModelConfig& config, const Choose& choose) {
  Rows y = x;
  for (size_t begin = 0; begin < x.size(); begin += kSegmentLength) {
    const Rows segment = segment_of(x, begin);
    const std::vector<size_t> places = choose(segment);
    Rows chosen;
    for (const size_t place : places) chosen.push_back(segment[place]);
    if (chosen.empty()) continue;
    const Rows change = plain_change(chosen, weights, config);
    for (size_t i = 0; i < places.size(); ++i) {
      for (size_t j = 0; j < change[i].size(); ++j) {
        y[begin + places[i]][j] += score(chosen[i], weights) * change[i][j];
      }
    }
  }
  return y;
}

void expect_rows(const Tensor& found, const Rows& expected) {
  for (size_t t = 0; t < expected.size(); ++t) {
    EXPECT_LT(distance(found[static_cast<int64_t>(t)], torch::tensor(expected[t], torch::kFloat64)), 1e-10) << t;
  }
}

/// How many tokens of each segment differ from x, in one row.
std::vector<int64_t> changed_in_each_segment(const Tensor& y, const Tensor& x) {
  std::vector<int64_t> counts;
  for (int64_t begin = 0; begin < x.size(0); begin += kSegmentLength) {
    const auto part = [&](const Tensor& whole) { return whole.slice(0, begin, begin + kSegmentLength); };
    counts.push_back(part(y).ne(part(x)).any(1).sum().item<int64_t>());
  }
  return counts;
}

TEST(RoutedBlock, InTrainingTheLargestScoresOfEachSegmentGoThrough) {
  // 0.3 · 5 = 1.5, which is rounded away from zero.
  for (const auto& [capacity, kept] : std::vector<std::pair<double, int64_t>>{{0.5, 3}, {0.3, 2}, {0.2, 1}, {0.8, 4}}) {
    Routed routed(routed_config(capacity));
    const Tensor x = made_up_input(2, 3 * kSegmentLength);
    const Tensor y = routed.forward(x);
    for (int64_t row = 0; row < 2; ++row) {
      EXPECT_EQ(changed_in_each_segment(y[row], x[row]), std::vector<int64_t>(3, kept)) << capacity;
      expect_rows(y[row], plain_routed(rows_of(x[row]), routed.weights(), routed.config,
                                       [&](const Rows& segment) { return largest(segment, routed.weights(), kept); }));
    }
  }
}

TEST(RoutedBlock, ALastSegmentThatEndsEarlyLetsItsShareThrough) {
  Routed routed(routed_config(0.5));
  const Tensor x = made_up_input(1, 2 * kSegmentLength + 2);
  const Tensor y = routed.forward(x);
  EXPECT_EQ(changed_in_each_segment(y[0], x[0]), (std::vector<int64_t>{3, 3, 1}));
  expect_rows(y[0], plain_routed(rows_of(x[0]), routed.weights(), routed.config, [&](const Rows& segment) {
                return largest(segment, routed.weights(), segment.size() == 2 ? 1 : 3);
              }));
}

TEST(RoutedBlock, InEvaluationThePredictorDecides) {
  Routed routed(routed_config(0.5));
  routed.block->eval();
  const Tensor x = made_up_input(2, 4 * kSegmentLength);
  const Tensor y = routed.forward(x);
  std::set<int64_t> counts;
  for (int64_t row = 0; row < 2; ++row) {
    for (const int64_t count : changed_in_each_segment(y[row], x[row])) counts.insert(count);
    expect_rows(y[row], plain_routed(rows_of(x[row]), routed.weights(), routed.config,
                                     [&](const Rows& segment) { return predicted(segment, routed.weights()); }));
  }
  EXPECT_GT(counts.size(), 2u) << "any number goes through";
}

/// The auxiliary loss of a pass over x, and in `right` for which tokens the predictor knew.
class Watched : public AttentionObserver {
 public:
  Watched(Routed& routed, const Tensor& x) {
    ContextState state;
    Pass pass = routed.pass();
    pass.observer = this;
    output = routed.block->forward(x, state, pass);
    loss = pass.auxiliary_loss;
  }
  void observe(int64_t /*layer*/, const ops::AttentionArguments& /*attention*/) override {}
  void observe_routing(int64_t /*layer*/, const Tensor& known) override { right = known; }

  Tensor output, loss, right;
};

TEST(RoutedBlock, ThePredictorLearnsTheChoiceOfTheRouter) {
  Routed routed(routed_config(0.5));
  const Tensor x = made_up_input(2, 3 * kSegmentLength);
  const Watched watched(routed, x);
  double expected = 0;
  for (int64_t row = 0; row < 2; ++row) {
    const Rows tokens = rows_of(x[row]);
    for (size_t begin = 0; begin < tokens.size(); begin += kSegmentLength) {
      const Rows segment = segment_of(tokens, begin);
      const std::vector<size_t> places = largest(segment, routed.weights(), 3);
      for (size_t t = 0; t < segment.size(); ++t) {
        const bool among = std::find(places.begin(), places.end(), t) != places.end();
        const double logit = prediction(segment[t], routed.weights());
        expected += std::log(1 + std::exp(among ? -logit : logit));
        EXPECT_EQ(watched.right[row][static_cast<int64_t>(begin + t)].item<bool>(), among == (logit > 0));
      }
    }
  }
  EXPECT_NEAR(watched.loss.item<double>(), expected, 1e-9);
}

TEST(RoutedBlock, TheLossOfThePredictorReachesThePredictorAlone) {
  Routed routed(routed_config(0.5));
  const Tensor x = made_up_input(2, 3 * kSegmentLength).requires_grad_();
  Watched(routed, x).loss.backward();
  EXPECT_FALSE(x.grad().defined());
  for (const auto& item : routed.block->named_parameters()) {
    if (!item.key().starts_with("predictor")) {
      EXPECT_FALSE(item.value().grad().defined()) << item.key();
      continue;
    }
    const auto loss = [&] {
      const torch::AutoGradMode graph(true);  // without one there is no such loss
      return Watched(routed, x).loss;
    };
    EXPECT_LT(gradient_error(loss, item.value(), item.value().grad(), 7), 1e-6) << item.key();
  }
}

TEST(RoutedBlock, TheRouterLearnsByTheWeightOfWhatGoesThrough) {
  Routed routed(routed_config(0.5));
  const Tensor x = made_up_input(2, 3 * kSegmentLength).requires_grad_();
  const Tensor factor = torch::randn_like(x);
  const auto loss = [&] { return (routed.forward(x) * factor).sum(); };
  loss().backward();
  EXPECT_LT(gradient_error(loss, routed.parameter("router.weight"), routed.parameter("router.weight").grad()), 1e-6);
  EXPECT_LT(gradient_error(loss, x, x.grad(), 5), 1e-6);
  for (const char* const name : {"predictor.weight", "predictor_output.weight"}) {
    EXPECT_FALSE(routed.parameter(name).grad().defined()) << name;
  }
}

TEST(RoutedBlock, ATokenThatPassesByIsNotWrittenIntoTheMemory) {
  Routed routed(routed_config(0.5, "linear"));
  const Tensor x = made_up_input(1, 2 * kSegmentLength);
  ContextState state;
  routed.block->attention().add_empty_state(state, 1, torch::kFloat64);
  Pass pass = routed.pass();
  routed.block->forward(x, state, pass);
  const plain::Weights weights = routed.weights();
  const int64_t groups = routed.config.num_key_value_heads, width = routed.config.head_dim;
  Vector norm(groups * width, 0.0);
  for (size_t begin = 0; begin < 2 * kSegmentLength; begin += kSegmentLength) {
    const Rows segment = segment_of(rows_of(x[0]), begin);
    for (const size_t place : largest(segment, weights, 3)) {
      const Vector normed =
          plain::rms_norm(segment[place], weights, "input_layernorm.weight", routed.config.rms_norm_eps);
      const Vector key = plain::sigma(plain::linear(normed, weights, "self_attn.k_proj"));
      for (size_t i = 0; i < norm.size(); ++i) norm[i] += key[i];
    }
  }
  EXPECT_LT(distance(state["layers.0.norm"].flatten(), torch::tensor(norm, torch::kFloat64)), 1e-10);
}

}  // namespace
}  // namespace infini
