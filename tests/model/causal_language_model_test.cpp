#include "model/causal_language_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "log/error.h"
#include "model/every_kind.h"
#include "model/finite_differences.h"
#include "model/memory_diagnostics.h"

namespace infini {
namespace {

using torch::Tensor;

TEST(CausalLanguageModel, ParametersHaveLlamasNames) {
  ModelConfig config = tiny_config("delta");
  config.num_hidden_layers = 1;
  config.qk_norm = config.attention_bias = true;
  config.tie_word_embeddings = false;
  config.short_convolution = 4;
  std::vector<std::string> names;
  for (const auto& parameter : CausalLanguageModel(config).named_parameters()) names.push_back(parameter.key());
  const std::string layer = "model.layers.0.";
  EXPECT_THAT(
      names,
      testing::UnorderedElementsAre(
          "model.embed_tokens.weight", layer + "input_layernorm.weight", layer + "post_attention_layernorm.weight",
          layer + "self_attn.q_proj.weight", layer + "self_attn.k_proj.weight", layer + "self_attn.v_proj.weight",
          layer + "self_attn.o_proj.weight", layer + "self_attn.q_proj.bias", layer + "self_attn.k_proj.bias",
          layer + "self_attn.v_proj.bias", layer + "self_attn.o_proj.bias", layer + "self_attn.q_norm.weight",
          layer + "self_attn.k_norm.weight", layer + "self_attn.q_conv1d.weight", layer + "self_attn.k_conv1d.weight",
          layer + "self_attn.v_conv1d.weight", layer + "self_attn.memory_gate", layer + "mlp.gate_proj.weight",
          layer + "mlp.up_proj.weight", layer + "mlp.down_proj.weight", "model.norm.weight", "lm_head.weight"));
}

TEST(CausalLanguageModel, BeginsAsItsConfigSays) {
  ModelConfig config = tiny_config("linear");
  config.hidden_size = 64;
  config.initializer_range = 0.02;
  config.num_attention_heads = 32;
  config.num_key_value_heads = 16;
  config.short_convolution = 4;
  torch::manual_seed(5);
  CausalLanguageModel model(config, -1.5), other(config);
  for (const auto& item : model.named_parameters()) {
    const Tensor& parameter = item.value();
    if (item.key().ends_with("memory_gate")) {
      EXPECT_TRUE(parameter.eq(-1.5).all().item<bool>());
    } else if (item.key().ends_with("conv1d.weight")) {
      EXPECT_NEAR(parameter.select(2, 3).mean().item<double>(), 1, 0.1) << item.key();
      EXPECT_NEAR(parameter.narrow(2, 0, 3).mean().item<double>(), 0, 0.05) << item.key();
      EXPECT_NEAR(parameter.std(0).mean().item<double>(), 0.2, 0.04) << item.key();
    } else if (parameter.dim() == 1) {
      EXPECT_TRUE(parameter.eq(1).all().item<bool>()) << item.key();
    } else {
      EXPECT_NEAR(parameter.std().item<double>(), 0.02, 0.003) << item.key();
    }
  }
  torch::manual_seed(5);
  CausalLanguageModel same(config, -1.5);
  for (const auto& item : same.named_parameters()) {
    EXPECT_TRUE(torch::equal(item.value(), model.named_parameters()[item.key()]));
  }
}

TEST(CausalLanguageModel, ATokensChangeNeverAltersAnEarlierOutput) {
  const torch::NoGradGuard no_graph;
  for (const ModelConfig& config : every_model()) {
    const auto model = double_model(config);
    model->eval();
    const Tensor tokens = random_tokens(1, 18);
    const Tensor before = model->forward(tokens, model->empty_state(1)).hidden;
    for (int64_t position = 0; position < 18; ++position) {
      Tensor changed = tokens.clone();
      changed[0][position] = (changed[0][position] + 1).remainder(23);
      const Tensor after = model->forward(changed, model->empty_state(1)).hidden;
      const Tensor early = before.narrow(1, 0, position), same = after.narrow(1, 0, position);
      // Which tokens pass by decides the shapes of products, and so the last digit.
      const bool equal = config.depth.capacity < 1 ? distance(early, same) < 1e-12 : torch::equal(early, same);
      EXPECT_TRUE(equal) << kind(config) << ", position " << position;
      EXPECT_GT(distance(before[0][position], after[0][position]), 1e-6);
    }
  }
}

TEST(CausalLanguageModel, RemembersAcrossSegmentsOnlyWithAMemory) {
  const torch::NoGradGuard no_graph;
  for (const ModelConfig& config : every_kind()) {
    const auto model = double_model(config);
    const Tensor tokens = random_tokens(1, 20);
    Tensor changed = tokens.clone();
    changed[0][0] = (changed[0][0] + 1).remainder(23);
    const double change = distance(model->forward(tokens, model->empty_state(1)).hidden[0][19],
                                   model->forward(changed, model->empty_state(1)).hidden[0][19]);
    if (!model->has_memory() && config.memory.segment_length > 0) {
      EXPECT_EQ(change, 0) << kind(config);
    } else {
      EXPECT_GT(change, 1e-8) << kind(config);
    }
  }
}

TEST(CausalLanguageModel, ChunksOfSegmentsGiveTheSameResult) {
  const torch::NoGradGuard no_graph;
  for (const ModelConfig& config : every_model()) {
    if (config.memory.segment_length == 0) continue;
    for (const bool training : {false, true}) {
      const auto model = double_model(config);
      model->train(training);
      const Tensor tokens = random_tokens(2, 30);
      Tensor starts = torch::zeros({2, 6}, torch::kBool);
      starts[1][3] = true;
      const ForwardResult whole = model->forward(tokens, model->empty_state(2), {starts});
      for (const int64_t segments : {1, 2, 3}) {
        ContextState state = model->empty_state(2);
        std::vector<Tensor> hidden;
        for (int64_t first = 0; first < 6; first += segments) {
          const ForwardResult part =
              model->forward(tokens.narrow(1, 5 * first, 5 * segments), state, {starts.narrow(1, first, segments)});
          hidden.push_back(part.hidden);
          state = part.state;
        }
        EXPECT_LT(distance(torch::cat(hidden, 1), whole.hidden), 1e-11)
            << kind(config) << ", " << segments << " segments";
        for (const auto& [name, tensor] : whole.state.tensors) EXPECT_LT(distance(state[name], tensor.value), 1e-11);
      }
    }
  }
}

TEST(CausalLanguageModel, MemorizingLeavesTheStateThatReadingDoes) {
  const torch::NoGradGuard no_graph;
  for (const ModelConfig& base : every_model()) {
    if (base.memory.segment_length == 0) continue;
    for (const int64_t layers : {1, 2}) {
      ModelConfig config = base;
      config.num_hidden_layers = layers;
      if (config.memory.layer >= 0) config.memory.layer = layers - 1;
      config.depth.every = std::min(config.depth.every, layers);
      const auto model = double_model(config);
      ContextState read = model->empty_state(2), memorized = read;
      for (const int64_t tokens : {10, 5, 18}) {
        const Tensor text = random_tokens(2, tokens);
        read = model->forward(text, read).state;
        memorized = model->memorize(text, memorized);
        for (const auto& [name, tensor] : read.tensors) {
          EXPECT_LT(distance(tensor.value, memorized[name]), 1e-11) << kind(config) << ", " << layers << ", " << name;
        }
      }
    }
  }
}

TEST(CausalLanguageModel, EachLayerHasAMemoryOfItsOwn) {
  const torch::NoGradGuard no_graph;
  const auto model = double_model(tiny_config("linear"));
  const Tensor tokens = random_tokens(1, 10);
  const ContextState state = model->forward(tokens.narrow(1, 0, 5), model->empty_state(1)).state;
  EXPECT_GT(distance(state["layers.0.memory"], state["layers.1.memory"]), 1e-3);
  const Tensor hidden = model->forward(tokens.narrow(1, 5, 5), state).hidden;
  for (const std::string name : {"layers.0.memory", "layers.1.memory"}) {
    ContextState other = state;
    other[name] = other[name] * 2;
    EXPECT_GT(distance(model->forward(tokens.narrow(1, 5, 5), other).hidden, hidden), 1e-6) << name;
  }
}

TEST(CausalLanguageModel, GradientsOfEveryParameterAreThoseOfFiniteDifferences) {
  for (const ModelConfig& base : every_kind()) {
    // In the others some gradients stop; what the rest must be is in baseline_numbers_test.cpp.
    if (base.memory.kind != "infini" && base.memory.kind != "rmt") continue;
    ModelConfig config = base;
    config.qk_norm = config.attention_bias = true;
    config.tie_word_embeddings = config.memory.update == "linear";
    const auto model = double_model(config);
    const Tensor tokens = random_tokens(1, 14), targets = random_tokens(1, 14, 23, 3);
    targets[0][4] = -1;
    const auto loss = [&] { return model->loss(model->forward(tokens, model->empty_state(1)).hidden, targets); };
    loss().backward();
    for (const auto& item : model->named_parameters()) {
      const Tensor& parameter = item.value();
      ASSERT_TRUE(parameter.grad().defined()) << item.key();
      EXPECT_LT(gradient_error(loss, parameter, parameter.grad(), parameter.numel() / 5 + 1), 1e-6)
          << kind(config) << ", " << item.key();
    }
  }
}

TEST(CausalLanguageModel, TheLastSegmentsLossTeachesTheFirstSegmentToWrite) {
  for (const std::string update : {"linear", "delta"}) {
    const auto model = double_model(tiny_config(update));
    const Tensor first = random_tokens(1, 5), rest = random_tokens(1, 10, 23, 4), targets = random_tokens(1, 10, 23, 5);
    targets.narrow(1, 0, 5).fill_(-1);
    // Read only the first segment with these weights, and the others with a copy. The gradient is then that of the
    // first segment's projection alone.
    const auto reader = double_model(tiny_config(update));
    const auto loss = [&] {
      const ContextState written = model->forward(first, model->empty_state(1)).state;
      return reader->loss(reader->forward(rest, written).hidden, targets);
    };
    loss().backward();
    for (const std::string layer : {"0", "1"}) {
      const Tensor weight = model->named_parameters()["model.layers." + layer + ".self_attn.k_proj.weight"];
      EXPECT_GT(weight.grad().abs().max().item<double>(), 1e-6) << update;
      EXPECT_LT(gradient_error(loss, weight, weight.grad(), 5), 1e-6) << update << ", layer " << layer;
    }
  }
}

TEST(CausalLanguageModel, ReadsInAnyPiecesWhatForwardComputes) {
  const std::vector<std::vector<int64_t>> splits = {
      {23},          {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
      {3, 2, 10, 8}, {7, 1, 9, 6},
      {4, 2, 17},    {20, 1, 1, 1},
      {0, 22, 0, 1}};
  const torch::NoGradGuard no_graph;
  for (const ModelConfig& config : every_model()) {
    const auto model = double_model(config);
    model->eval();
    const Tensor tokens = random_tokens(2, 23);
    const ForwardResult expected = model->forward(tokens, model->empty_state(2));
    for (const auto& split : splits) {
      ContextState state = model->empty_state(2);
      std::vector<Tensor> hidden;
      int64_t position = 0;
      for (const int64_t count : split) {
        hidden.push_back(model->read(tokens.narrow(1, position, count), state));
        EXPECT_EQ(hidden.back().size(1), count);
        position += count;
      }
      EXPECT_LT(distance(torch::cat(hidden, 1), expected.hidden), 1e-10)
          << kind(config) << ", first piece " << split.front();
      EXPECT_EQ(state.open_tokens, config.memory.segment_length == 0 ? 23 : 3);
      for (const auto& [name, tensor] : expected.state.tensors) EXPECT_LT(distance(state[name], tensor.value), 1e-10);
    }
  }
}

TEST(CausalLanguageModel, Bfloat16IsCloseToFloat32AndItsGradientsAreFloat32) {
  for (ModelConfig config : every_kind()) {
    // Outputs that come back as inputs, through large weights, would amplify every rounding.
    config.initializer_range = 0.15;
    torch::manual_seed(1);
    CausalLanguageModel model(config);
    const Tensor tokens = random_tokens(2, 20), targets = random_tokens(2, 20, 23, 3);
    const auto loss_and_gradient = [&](torch::Dtype dtype) {
      model.set_compute_dtype(dtype);
      model.zero_grad();
      const ForwardResult result = model.forward(tokens, model.empty_state(2));
      EXPECT_EQ(result.hidden.scalar_type(), dtype);
      for (const Tensor& carried : values_of(result.state)) {
        if (carried.is_floating_point()) {
          EXPECT_EQ(carried.scalar_type(), torch::kFloat32);
        }
      }
      const Tensor loss = model.loss(result.hidden, targets);
      EXPECT_EQ(loss.scalar_type(), torch::kFloat32);
      loss.backward();
      std::vector<Tensor> gradients;
      for (const Tensor& parameter : model.parameters()) {
        if (!parameter.grad().defined()) continue;
        EXPECT_EQ(parameter.grad().scalar_type(), torch::kFloat32);
        gradients.push_back(parameter.grad().flatten().clone());
      }
      return std::pair(loss.item<double>(), torch::cat(gradients));
    };
    const auto [wide_loss, wide_gradient] = loss_and_gradient(torch::kFloat32);
    const auto [loss, gradient] = loss_and_gradient(torch::kBFloat16);
    EXPECT_NEAR(loss / wide_loss, 1.0, 0.02) << kind(config);
    EXPECT_LT(((gradient - wide_gradient).norm() / wide_gradient.norm()).item<double>(), 0.1) << kind(config);
  }
}

TEST(CausalLanguageModel, RunsForwardAndBackwardOnTheMetaDevice) {
  for (const torch::Dtype dtype : {torch::kFloat32, torch::kBFloat16}) {
    for (const ModelConfig& config : every_kind()) {
      // LibTorch's attention with a mask has no kernel for this device.
      if (config.memory.kind != "infini" && config.memory.kind != "rmt") continue;
      const auto model = CausalLanguageModel::uninitialized(config, torch::device(torch::kMeta));
      model->set_compute_dtype(dtype);
      const auto options = torch::dtype(torch::kInt64).device(torch::kMeta);
      const Tensor tokens = torch::zeros({2, 20}, options);
      const Tensor starts = torch::zeros({2, 4}, options.dtype(torch::kBool));
      MemoryDiagnostics diagnostics(config, torch::kMeta);
      const ForwardResult result = model->forward(tokens, model->empty_state(2), {starts}, &diagnostics);
      model->loss(result.hidden, tokens).backward();
      for (const auto& item : model->named_parameters()) {
        ASSERT_TRUE(item.value().grad().defined()) << item.key();
        EXPECT_TRUE(item.value().grad().is_meta());
        EXPECT_EQ(item.value().grad().sizes(), item.value().sizes());
      }
      EXPECT_EQ(model->token_losses(result.hidden, tokens).sizes(), tokens.sizes());
      for (const DeviceReading& reading : diagnostics.readings()) EXPECT_TRUE(reading.values.is_meta()) << reading.name;
    }
  }
}

TEST(CausalLanguageModel, TokenLossesAddUpToTheLoss) {
  const auto model = double_model(tiny_config("delta"));
  const Tensor tokens = random_tokens(2, 12), targets = random_tokens(2, 12, 23, 3);
  targets[1][3] = -100;
  const Tensor hidden = model->forward(tokens, model->empty_state(2)).hidden;
  const Tensor losses = model->token_losses(hidden, targets);
  EXPECT_EQ(losses[1][3].item<double>(), 0);
  EXPECT_NEAR(losses.sum().item<double>(), model->loss(hidden, targets).item<double>(), 1e-10);
  const Tensor expected = -torch::log_softmax(model->logits(hidden), -1)[0][7][targets[0][7].item<int64_t>()];
  EXPECT_NEAR(losses[0][7].item<double>(), expected.item<double>(), 1e-12);
}

TEST(CausalLanguageModel, KnowsWhetherItHasAMemoryAndWhatSegmentsDependOn) {
  const auto expect = [](const ModelConfig& config, bool memory, bool depends, bool depends_without_memory) {
    const auto model = double_model(config);
    EXPECT_EQ(model->has_memory(), memory) << kind(config);
    EXPECT_EQ(model->depends_on_earlier_segments(), depends) << kind(config);
    EXPECT_EQ(model->depends_on_earlier_segments(/*memory=*/false), depends_without_memory) << kind(config);
    EXPECT_EQ(model->empty_state(1).tensors.empty(), !depends) << kind(config);
  };
  expect(tiny_config("linear"), true, true, false);
  expect(tiny_config("none"), false, false, false);
  expect(tiny_config("none", 0), false, false, false);
  expect(with_convolution(tiny_config("linear")), true, true, true);
  expect(with_convolution(tiny_config("none")), false, true, true);
  expect(with_convolution(tiny_config("none", 0)), false, false, false);
}

TEST(CausalLanguageModel, WithoutMemoryIsLocalAttentionWithTheSameConvolution) {
  const torch::NoGradGuard no_graph;
  for (const std::string update : {"linear", "delta"}) {
    const auto model = double_model(with_convolution(tiny_config(update)));
    const auto local = double_model(with_convolution(tiny_config("none")));
    for (const auto& parameter : local->named_parameters()) {
      parameter.value().copy_(model->named_parameters()[parameter.key()]);
    }
    const Tensor tokens = random_tokens(2, 18);
    const Tensor starts = torch::zeros({2, 4}, torch::kBool);
    starts[1][2] = true;
    const Tensor expected = local->forward(tokens, local->empty_state(2), {starts}).hidden;
    EXPECT_LT(
        distance(model->forward(tokens, model->empty_state(2), {.starts = starts, .memory = false}).hidden, expected),
        1e-11);
    EXPECT_GT(distance(model->forward(tokens, model->empty_state(2), {starts}).hidden, expected), 1e-3);
    // Segment by segment, where only the convolution's part of the state is handed on.
    const ContextState empty = model->empty_state(2);
    ContextState state = empty;
    for (int64_t segment = 0; segment < 3; ++segment) {
      const ForwardResult result = model->forward(tokens.narrow(1, 5 * segment, 5), state,
                                                  {.starts = starts.narrow(1, segment, 1), .memory = false});
      EXPECT_LT(distance(result.hidden, expected.narrow(1, 5 * segment, 5)), 1e-11) << "segment " << segment;
      EXPECT_GT(result.state["layers.0.norm"].abs().max().item<double>(), 0);
      state = result.state.with_memory_of(empty);
      EXPECT_EQ(state["layers.0.norm"].abs().max().item<double>(), 0);
    }
  }
}

TEST(CausalLanguageModel, AShortConvolutionSeesTheTokensAcrossABorderAndNoneOfAnotherDocument) {
  const torch::NoGradGuard no_graph;
  const auto model = double_model(with_convolution(tiny_config("none")));
  const Tensor tokens = random_tokens(1, 10), starts = torch::zeros({1, 2}, torch::kBool);
  const auto change = [&](int64_t position) {
    Tensor changed = tokens.clone();
    changed[0][position] = (changed[0][position] + 1).remainder(23);
    return distance(model->forward(tokens, model->empty_state(1), {starts}).hidden[0][5],
                    model->forward(changed, model->empty_state(1), {starts}).hidden[0][5]);
  };
  EXPECT_GT(change(4), 1e-4);
  starts[0][1] = true;
  EXPECT_EQ(change(4), 0);
}

TEST(CausalLanguageModel, RefusesAKindOfMemoryThatDoesNotExist) {
  ModelConfig config = tiny_config("linear");
  config.memory.kind = "elephant";
  EXPECT_THAT([&] { CausalLanguageModel model(config); },
              testing::ThrowsMessage<UserError>(testing::HasSubstr("is \"elephant\"")));
}

}  // namespace
}  // namespace infini
