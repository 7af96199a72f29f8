#include "model/causal_language_model.h"

#include "model/decoder.h"
#include "model/infini_attention.h"
#include "model/linear_cross_entropy.h"
#include "model/matrix_product.h"
#include "model/projection.h"

namespace infini {

using torch::Tensor;

namespace {

/// Infini-attention over whole segments, from `state` and into it. Both must outlive what is returned.
Decoder::AttendLayer attend_segments(const Segments& layout, MemoryState& state) {
  return [&](size_t layer, const InfiniAttention& attention, const Tensor& x) {
    return attention.forward(x, state.memory[layer], state.norm[layer], layout);
  };
}

}  // namespace

CausalLanguageModel::CausalLanguageModel(const ModelConfig& config, const torch::TensorOptions& options)
    : config_(config), rotary_(config.head_dim, config.rope_theta) {
  config.validate();
  decoder_ = register_module("model", std::make_shared<Decoder>(config, options));
  if (!config.tie_word_embeddings) {
    lm_head_ = register_module(
        "lm_head", std::make_shared<Projection>(config.hidden_size, config.vocab_size, /*bias=*/false, options));
  }
}

CausalLanguageModel::CausalLanguageModel(const ModelConfig& config, double initial_beta)
    : CausalLanguageModel(config, torch::dtype(torch::kFloat32)) {
  const torch::NoGradGuard no_graph;
  for (const auto& parameter : named_parameters()) {
    // Norms and biases are constants already.
    if (parameter.value().dim() == 2) parameter.value().normal_(0.0, config.initializer_range);
    if (parameter.key().ends_with("memory_gate")) parameter.value().fill_(initial_beta);
  }
}

std::shared_ptr<CausalLanguageModel> CausalLanguageModel::uninitialized(const ModelConfig& config,
                                                                        const torch::TensorOptions& options) {
  return std::shared_ptr<CausalLanguageModel>(new CausalLanguageModel(config, options));
}

ForwardResult CausalLanguageModel::forward(const Tensor& tokens, const MemoryState& state,
                                           const std::optional<Tensor>& starts, const std::optional<Tensor>& gain) {
  MemoryState next = state;
  const Segments layout = segments(tokens.size(1), starts, gain);
  const Tensor hidden = decoder_->forward(tokens, compute_dtype_, attend_segments(layout, next));
  return {hidden, next};
}

MemoryState CausalLanguageModel::memorize(const Tensor& tokens, const MemoryState& state) {
  MemoryState next = state;
  const Segments layout = segments(tokens.size(1));
  decoder_->memorize(tokens, compute_dtype_, attend_segments(layout, next), next.memory.back(), next.norm.back());
  return next;
}

Tensor CausalLanguageModel::read(const Tensor& tokens, MemoryState& state, SegmentCache& cache) {
  const torch::NoGradGuard no_graph;
  const int64_t segment = config_.memory.segment_length, total = tokens.size(1);
  std::vector<Tensor> hidden{
      torch::empty({tokens.size(0), 0, config_.hidden_size}, torch::dtype(compute_dtype_).device(tokens.device()))};
  for (int64_t position = 0; position < total;) {
    const int64_t left = total - position;
    const int64_t whole = segment == 0 || cache.length() > 0 ? 0 : left / segment * segment;
    const int64_t open = segment == 0 ? left : std::min(left, segment - cache.length());
    const Tensor next = tokens.narrow(1, position, whole > 0 ? whole : open);
    if (whole > 0) {
      const ForwardResult result = forward(next, state);
      hidden.push_back(result.hidden);
      state = result.state;
    } else {
      hidden.push_back(continue_segment(next, state, cache));
    }
    position += next.size(1);
  }
  return torch::cat(hidden, 1);
}

Tensor CausalLanguageModel::continue_segment(const Tensor& tokens, MemoryState& state, SegmentCache& cache) {
  const auto rotary = rotary_.tables(cache.length() + tokens.size(1), device(), compute_dtype_);
  cache.layers.resize(config_.num_hidden_layers);
  return decoder_->forward(
      tokens, compute_dtype_, [&](size_t layer, const InfiniAttention& attention, const Tensor& x) {
        return attention.continue_segment(x, state.memory[layer], state.norm[layer], cache.layers[layer], rotary);
      });
}

Tensor CausalLanguageModel::loss(const Tensor& hidden, const Tensor& targets, const Tensor& weights) const {
  return linear_cross_entropy(hidden.flatten(0, 1), head(), targets.flatten(),
                              weights.defined() ? std::optional<Tensor>(weights.flatten()) : std::nullopt);
}

Tensor CausalLanguageModel::token_losses(const Tensor& hidden, const Tensor& targets) const {
  return linear_token_losses(hidden.flatten(0, 1), head(), targets.flatten()).view(targets.sizes());
}

Tensor CausalLanguageModel::logits(const Tensor& hidden) const {
  return affine_map(hidden, head().to(hidden.scalar_type()), {});
}

torch::Device CausalLanguageModel::device() const { return decoder_->embedding().device(); }

MemoryState CausalLanguageModel::empty_state(int64_t rows) const {
  const bool wide = compute_dtype_ == torch::kFloat64;
  return MemoryState::empty(config_, rows, torch::dtype(wide ? torch::kFloat64 : torch::kFloat32).device(device()));
}

Segments CausalLanguageModel::segments(int64_t tokens, const std::optional<Tensor>& starts,
                                       const std::optional<Tensor>& gain) {
  const int64_t length = config_.memory.segment_length;
  if (length == 0) return {tokens, rotary_.tables(tokens, device(), compute_dtype_), std::nullopt, std::nullopt};
  return {length, rotary_.tables(length, device(), compute_dtype_), starts, gain};
}

const Tensor& CausalLanguageModel::head() const { return lm_head_ ? lm_head_->weight() : decoder_->embedding(); }

}  // namespace infini
