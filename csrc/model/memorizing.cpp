#include "model/memorizing.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace infini {

using torch::Tensor;

namespace {

/// Scores of this many (query, slot) pairs are held at a time, for all rows and heads.
constexpr int64_t kScoresAtOnce = int64_t{1} << 25;

Tensor normalized(const Tensor& x) { return x / at::linalg_vector_norm(x, 2, {-1}, /*keepdim=*/true).clamp_min(1e-12); }

/// FAISS's exact index takes 1.7 times as long as these products with top-k, at 65,536 slots, 2,048 queries and 8 heads
/// of 128 on 2 cores with AVX-512, and holds a copy of the keys (benchmarks/nearest_neighbours.py).
///
/// The places [B, G, n, k] of the k slots with the largest dot product with each query: q [B, G, n, D], keys
/// [B, G, N, D], visible [B, N]. Slots that are not visible come last.
Tensor nearest(const Tensor& q, const Tensor& keys, const Tensor& visible, int64_t count) {
  const torch::NoGradGuard no_graph;
  const Tensor transposed = keys.transpose(2, 3), hidden = visible.bitwise_not().view({q.size(0), 1, 1, -1});
  const int64_t pairs = q.size(0) * q.size(1) * keys.size(2), step = std::max<int64_t>(1, kScoresAtOnce / pairs);
  std::vector<Tensor> places;
  for (int64_t begin = 0; begin < q.size(2); begin += step) {
    const Tensor part = q.narrow(2, begin, std::min(step, q.size(2) - begin));
    const Tensor scores = part.matmul(transposed).masked_fill_(hidden, -2);  // less than any product of unit vectors
    places.push_back(std::get<1>(scores.topk(count, -1, /*largest=*/true, /*sorted=*/false)));
  }
  return torch::cat(places, 2);
}

}  // namespace

MemorizingAttention::MemorizingAttention(const ModelConfig& config, int64_t layer, const torch::TensorOptions& options)
    : TransformerXlAttention(config, layer, options),
      slots_(config.memory.slots),
      neighbours_(config.memory.neighbours),
      memory_gate_(register_parameter("memory_gate", torch::zeros({heads()}, options))) {}

Tensor MemorizingAttention::attend(const Tensor& q, const KeysAndValues& segment, const ContextState& state,
                                   const Pass& pass) const {
  const Tensor local = TransformerXlAttention::attend(q, segment, state, pass);
  // 0 where the memory is empty: the output is then exactly `local`.
  const Tensor gate =
      at::sigmoid(memory_gate_).view({1, -1, 1, 1}) * state[state_name("filled")].gt(0).view({-1, 1, 1, 1});
  return (gate * look_up(q, state) + (1 - gate) * local).to(q.scalar_type());
}

Tensor MemorizingAttention::look_up(const Tensor& q, const ContextState& state) const {
  const Tensor &keys = state[state_name("slot_keys")], &values = state[state_name("slot_values")];
  const Tensor visible = last_slots(state[state_name("filled")], slots_);
  const int64_t rows = q.size(0), groups = key_value_heads(), width = head_dim();
  const Tensor unit = normalized(q.to(keys.scalar_type())).reshape({rows, groups, -1, width});  // [B, G, H/G · n, D]
  const Tensor places = nearest(unit.detach(), keys, visible, neighbours_).flatten(2);          // [B, G, H/G · n · k]
  const auto chosen = [&](const Tensor& of_slots) {
    return of_slots.gather(2, places.unsqueeze(3).expand({-1, -1, -1, width})).unflatten(2, {-1, neighbours_});
  };
  // Slots that are not visible get no weight. Where none is visible the result is finite, and the gate is 0.
  const Tensor hidden = visible.bitwise_not().unsqueeze(1).expand({rows, groups, slots_}).gather(2, places);
  const Tensor scores = chosen(keys).matmul(unit.unsqueeze(4)).squeeze(4) * std::sqrt(static_cast<double>(width));
  const Tensor weights = scores.masked_fill(hidden.view(scores.sizes()), -1e30).softmax(-1);
  return weights.unsqueeze(3).matmul(chosen(values)).reshape(q.sizes());
}

void MemorizingAttention::write(const SegmentTokens& segment, ContextState& state, Pass& pass) const {
  TransformerXlAttention::write(segment, state, pass);
  Tensor &keys = state[state_name("slot_keys")], &values = state[state_name("slot_values")];
  Tensor& filled = state[state_name("filled")];
  keys = pushed(keys, normalized(segment.projected.k.detach().to(keys.scalar_type())));
  values = pushed(values, segment.projected.v);
  filled = (filled + segment.x.size(1)).clamp_max(slots_);
}

void MemorizingAttention::forget(const Tensor& rows, ContextState& state) const {
  TransformerXlAttention::forget(rows, state);
  Tensor& filled = state[state_name("filled")];
  filled = filled.masked_fill(rows, 0);
}

void MemorizingAttention::add_empty_memory(ContextState& state, int64_t rows,
                                           const torch::TensorOptions& options) const {
  TransformerXlAttention::add_empty_memory(state, rows, options);
  for (const char* const tensor : {"slot_keys", "slot_values"}) {
    add_kept(state, tensor, {rows, key_value_heads(), slots_, head_dim()}, options);
  }
  add_kept(state, "filled", {rows}, options.dtype(torch::kInt64));
}

std::shared_ptr<Decoder> make_memorizing_decoder(const ModelConfig& config, const torch::TensorOptions& options) {
  return std::make_shared<Decoder>(config, options, [&](int64_t layer) -> std::shared_ptr<LayerAttention> {
    if (layer == config.memory.layer) return std::make_shared<MemorizingAttention>(config, layer, options);
    return std::make_shared<TransformerXlAttention>(config, layer, options);
  });
}

std::optional<ConfigFault> memorizing_fault(const ModelConfig& config) {
  const MemoryConfig& memory = config.memory;
  if (memory.layer >= config.num_hidden_layers) {
    return ConfigFault{"memory.layer", "must be less than num_hidden_layers (" +
                                           std::to_string(config.num_hidden_layers) +
                                           "), since layers count from 0; is " + std::to_string(memory.layer)};
  }
  if (memory.neighbours > memory.slots) {
    return ConfigFault{"memory.neighbours", "must be at most memory.slots (" + std::to_string(memory.slots) + "), is " +
                                                std::to_string(memory.neighbours)};
  }
  return std::nullopt;
}

}  // namespace infini
