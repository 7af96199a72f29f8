#include "model/compressive.h"

#include "ops/ops.h"

namespace infini {

using torch::Tensor;

namespace {

/// The strided convolution, as a module of its own so that its name is a checkpoint's: `compression.weight`.
class Compression : public torch::nn::Module {
 public:
  Compression(int64_t width, int64_t rate, const torch::TensorOptions& options)
      : weight(register_parameter("weight", torch::empty({width, width, rate}, options))) {}
  Tensor weight;
};

}  // namespace

CompressiveAttention::CompressiveAttention(const ModelConfig& config, int64_t layer,
                                           const torch::TensorOptions& options)
    : SegmentwiseAttention(config, layer, options),
      cache_length_(config.memory.cache_length),
      compressed_length_(config.memory.compressed_length),
      rate_(config.memory.compression_rate),
      compression_(
          register_module("compression", std::make_shared<Compression>(config.hidden_size, rate_, options))->weight) {}

Tensor CompressiveAttention::attend(const Tensor& q, const KeysAndValues& segment, const ContextState& state,
                                    const Pass& pass) const {
  const Tensor kept = torch::cat({state[state_name("compressed")], state[state_name("cache")]}, 1);
  const Tensor visible = torch::cat({last_slots(state[state_name("filled")], compressed_length_),
                                     last_slots(state[state_name("cached")], cache_length_)},
                                    1);
  return attend_with_kept(q, segment, {project_kept(kept.to(q.scalar_type())), visible}, pass);
}

void CompressiveAttention::write(const SegmentTokens& segment, ContextState& state, Pass& pass) const {
  Tensor &cache = state[state_name("cache")], &compressed = state[state_name("compressed")];
  Tensor &cached = state[state_name("cached")], &filled = state[state_name("filled")];
  const Tensor x = segment.x.detach();
  const int64_t count = x.size(1);
  const Tensor leaving = torch::cat({cache.to(x.scalar_type()), x}, 1).narrow(1, 0, count);
  const Tensor valid = (cached + count - cache_length_).clamp(0, count);
  const Tensor slots = compress(leaving);
  if (torch::GradMode::is_enabled()) {
    const Tensor loss = reconstruction_loss(x, leaving, slots, valid);
    pass.auxiliary_loss = pass.auxiliary_loss.defined() ? pass.auxiliary_loss + loss : loss;
  }
  cache = pushed(cache, x);
  compressed = pushed(compressed, slots);
  cached = (cached + count).clamp_max(cache_length_);
  filled = (filled + slots_of(valid)).clamp_max(compressed_length_);
}

Tensor CompressiveAttention::compress(const Tensor& x) const {
  const Tensor weight = compression_.transpose(1, 2).flatten(1);  // [out, token · in]
  const int64_t missing = (rate_ - x.size(1) % rate_) % rate_;
  const Tensor groups = at::constant_pad_nd(x, {0, 0, missing, 0}).unflatten(1, {-1, rate_});
  return ops::affine_map(groups.flatten(2), weight.to(x.scalar_type()));
}

Tensor CompressiveAttention::reconstruction_loss(const Tensor& segment, const Tensor& leaving, const Tensor& slots,
                                                 const Tensor& valid) const {
  const Tensor rows = valid.gt(0);
  // A row from which nothing leaves may see everything: its loss is left out.
  const auto visible = [&](const Tensor& last, int64_t count) {
    return last_slots(last, count).bitwise_or(rows.bitwise_not().unsqueeze(1)).view({-1, 1, 1, count});
  };
  const auto attended = [&](const Tensor& q, const KeysAndValues& kept, const Tensor& last) {
    const int64_t count = kept.k.size(2);
    return attend_where(visible(last, count).expand({-1, 1, q.size(2), count}), q, kept.k, kept.v);
  };
  Tensor q, wanted;
  {
    const torch::NoGradGuard constant;
    q = project_kept_queries(segment);
    wanted = attended(q, project_kept(leaving), valid);
  }
  const KeysAndValues compressed = project_kept(slots, Weights::constant);
  const Tensor difference = attended(q, compressed, slots_of(valid)) - wanted;
  const auto exact = difference.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  return difference.to(exact).square().flatten(1).sum(1).mul(rows).sum() / static_cast<double>(heads() * head_dim());
}

void CompressiveAttention::forget(const Tensor& rows, ContextState& state) const {
  for (const char* const count : {"cached", "filled"}) {
    Tensor& filled = state[state_name(count)];
    filled = filled.masked_fill(rows, 0);
  }
}

void CompressiveAttention::add_empty_memory(ContextState& state, int64_t rows,
                                            const torch::TensorOptions& options) const {
  const int64_t width = compression_.size(0);
  add_kept(state, "cache", {rows, cache_length_, width}, options);
  add_kept(state, "compressed", {rows, compressed_length_, width}, options);
  add_kept(state, "cached", {rows}, options.dtype(torch::kInt64));
  add_kept(state, "filled", {rows}, options.dtype(torch::kInt64));
}

std::shared_ptr<Decoder> make_compressive_decoder(const ModelConfig& config, const torch::TensorOptions& options) {
  return std::make_shared<Decoder>(
      config, options, [&](int64_t layer) { return std::make_shared<CompressiveAttention>(config, layer, options); });
}

std::optional<ConfigFault> compressive_fault(const ModelConfig& config) {
  const MemoryConfig& memory = config.memory;
  const auto fault = [&](const char* name, int64_t length) {
    return ConfigFault{"memory.compression_rate", "must divide memory." + std::string(name) + " (" +
                                                      std::to_string(length) + "), is " +
                                                      std::to_string(memory.compression_rate)};
  };
  if (memory.segment_length % memory.compression_rate != 0) return fault("segment_length", memory.segment_length);
  if (memory.cache_length % memory.compression_rate != 0) return fault("cache_length", memory.cache_length);
  return std::nullopt;
}

}  // namespace infini
