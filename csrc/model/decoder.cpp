#include "model/decoder.h"

namespace infini {

using torch::Tensor;

Decoder::Decoder(const ModelConfig& config, const torch::TensorOptions& options) {
  embed_tokens_ =
      register_module("embed_tokens", std::make_shared<TokenEmbedding>(config.vocab_size, config.hidden_size, options));
  const auto layers = register_module("layers", torch::nn::ModuleList());
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    layers_.push_back(std::make_shared<Block>(config, options));
    layers->push_back(layers_.back());
  }
  norm_ = register_module("norm", std::make_shared<RmsNorm>(config.hidden_size, config.rms_norm_eps, options));
}

Tensor Decoder::forward(const Tensor& tokens, torch::Dtype compute_dtype, const AttendLayer& attend) const {
  return norm_->forward(layers_before(layers_.size(), tokens, compute_dtype, attend));
}

void Decoder::memorize(const Tensor& tokens, torch::Dtype compute_dtype, const AttendLayer& attend, Tensor& memory,
                       Tensor& norm) const {
  layers_.back()->memorize(layers_before(layers_.size() - 1, tokens, compute_dtype, attend), memory, norm);
}

Tensor Decoder::layers_before(size_t end, const Tensor& tokens, torch::Dtype compute_dtype,
                              const AttendLayer& attend) const {
  Tensor x = embed_tokens_->forward(tokens, compute_dtype);
  for (size_t layer = 0; layer < end; ++layer) {
    x = layers_[layer]->forward(
        x, [&](const InfiniAttention& attention, const Tensor& normed) { return attend(layer, attention, normed); });
  }
  return x;
}

}  // namespace infini
