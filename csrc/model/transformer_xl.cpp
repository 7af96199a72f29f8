#include "model/transformer_xl.h"

namespace infini {

using torch::Tensor;

TransformerXlAttention::TransformerXlAttention(const ModelConfig& config, int64_t layer,
                                               const torch::TensorOptions& options)
    : SegmentwiseAttention(config, layer, options), cache_length_(config.memory.cache_length) {}

Tensor TransformerXlAttention::attend(const Tensor& q, const KeysAndValues& segment, const ContextState& state,
                                      const Pass& pass) const {
  const KeptTokens cache{{state[state_name("keys")], state[state_name("values")]},
                         last_slots(state[state_name("cached")], cache_length_)};
  return attend_with_kept(q, segment, cache, pass);
}

void TransformerXlAttention::write(const SegmentTokens& segment, ContextState& state, Pass& /*pass*/) const {
  Tensor &keys = state[state_name("keys")], &values = state[state_name("values")];
  Tensor& cached = state[state_name("cached")];
  keys = pushed(keys, segment.projected.k);
  values = pushed(values, segment.projected.v);
  cached = (cached + segment.x.size(1)).clamp_max(cache_length_);
}

void TransformerXlAttention::forget(const Tensor& rows, ContextState& state) const {
  Tensor& cached = state[state_name("cached")];
  cached = cached.masked_fill(rows, 0);
}

void TransformerXlAttention::add_empty_memory(ContextState& state, int64_t rows,
                                              const torch::TensorOptions& options) const {
  for (const char* const tensor : {"keys", "values"}) {
    add_kept(state, tensor, {rows, key_value_heads(), cache_length_, head_dim()}, options);
  }
  add_kept(state, "cached", {rows}, options.dtype(torch::kInt64));
}

std::shared_ptr<Decoder> make_transformer_xl_decoder(const ModelConfig& config, const torch::TensorOptions& options) {
  return std::make_shared<Decoder>(
      config, options, [&](int64_t layer) { return std::make_shared<TransformerXlAttention>(config, layer, options); });
}

}  // namespace infini
