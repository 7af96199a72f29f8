#include "model/infini_attention.h"

#include <tuple>

#include "model/attention_observer.h"
#include "model/local_attention.h"
#include "ops/ops.h"

namespace infini {

using torch::Tensor;

InfiniAttention::InfiniAttention(const ModelConfig& config, int64_t layer, const torch::TensorOptions& options)
    : LayerAttention(config, layer, options),
      update_(config.memory.update),
      memory_gate_(register_parameter("memory_gate", torch::zeros({heads()}, options))) {}

Tensor InfiniAttention::forward(const Tensor& x, ContextState& state, Pass& pass) const {
  auto [q, k, v] = project(x, state, pass);
  if (pass.mode == PassMode::open_segment) return output(continue_segment({q, k, v}, state, pass));

  Tensor &memory = state[state_name("memory")], &norm = state[state_name("norm")];
  const Segments& segments = pass.segments;
  const auto [cos, sin] = positions(segments.length, x, pass);
  const ops::AttentionArguments arguments{.q = q,
                                          .k = k,
                                          .v = v,
                                          .beta = memory_gate_,
                                          .memory = memory,
                                          .norm = norm,
                                          .cos = cos,
                                          .sin = sin,
                                          .segment_length = segments.length,
                                          .update = update_,
                                          .starts = segments.starts,
                                          .gain = segments.gain};
  if (pass.observer != nullptr) pass.observer->observe(layer(), arguments);
  Tensor attended;
  std::tie(attended, memory, norm) = ops::attention(arguments);
  return output(attended);
}

void InfiniAttention::memorize(const Tensor& x, ContextState& state, Pass& pass) const {
  Tensor &memory = state[state_name("memory")], &norm = state[state_name("norm")];
  TORCH_CHECK(!pass.segments.gain, "memorizing knows no gain: read the segments instead");
  const auto [k, v] = project_keys_and_values(x, state, pass);
  Tensor transition, written;
  std::tie(transition, written, norm) =
      ops::memory_summary(k, v, norm, pass.segments.length, update_, pass.segments.starts);
  memory = transition.matmul(memory) + written;
}

Tensor InfiniAttention::continue_segment(const QueriesKeysValues& tokens, ContextState& state, const Pass& pass) const {
  const Tensor local = attend_open_segment(tokens, state, pass);
  const Tensor k = extend_open_segment("open_keys", tokens.k, state, pass);
  Tensor &memory = state[state_name("memory")], &norm = state[state_name("norm")];
  const Tensor attended = ops::memory_combine(local, ops::memory_retrieve(tokens.q, memory, norm), memory_gate_, norm);
  if (k.size(2) == pass.segments.length) {
    std::tie(memory, norm) = ops::memory_update(k, state[state_name("open_values")], memory, norm, update_);
  }
  return attended;
}

void InfiniAttention::add_empty_memory(ContextState& state, int64_t rows, const torch::TensorOptions& options) const {
  const int64_t groups = key_value_heads(), width = head_dim();
  state.tensors[state_name("memory")].value = torch::zeros({rows, groups, width, width}, options);
  state.tensors[state_name("norm")].value = torch::zeros({rows, groups, width}, options);
}

std::shared_ptr<Decoder> make_infini_decoder(const ModelConfig& config, const torch::TensorOptions& options) {
  return std::make_shared<Decoder>(config, options, [&](int64_t layer) -> std::shared_ptr<LayerAttention> {
    if (config.memory.update == "none") return std::make_shared<LocalAttention>(config, layer, options);
    return std::make_shared<InfiniAttention>(config, layer, options);
  });
}

}  // namespace infini
