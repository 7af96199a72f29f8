#include "model/decoder.h"

#include <utility>

#include "model/routed_block.h"

namespace infini {

using torch::Tensor;

Decoder::Decoder(const ModelConfig& config, const torch::TensorOptions& options, const MakeAttention& make_attention) {
  embed_tokens_ =
      register_module("embed_tokens", std::make_shared<TokenEmbedding>(config.vocab_size, config.hidden_size, options));
  const auto layers = register_module("layers", torch::nn::ModuleList());
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    layers_.push_back(config.depth.routes(layer)
                          ? std::make_shared<RoutedBlock>(config, layer, options, make_attention(layer))
                          : std::make_shared<Block>(config, options, make_attention(layer)));
    layers->push_back(layers_.back());
  }
  final_norm_ = register_module("norm", std::make_shared<RmsNorm>(config.hidden_size, config.rms_norm_eps, options));
}

Tensor Decoder::forward(const Tensor& tokens, torch::Dtype compute_dtype, ContextState& state, Pass& pass) const {
  const Tensor x = run_blocks(embed_tokens_->forward(tokens, compute_dtype), state, pass);
  return x.defined() ? final_norm_->forward(x) : x;
}

Tensor Decoder::run_blocks(const Tensor& x, ContextState& state, Pass& pass) const {
  Tensor result = x;
  for (const auto& layer : layers_) {
    if (pass.mode == PassMode::memorize && layer == layers_.back()) {
      layer->memorize(result, state, pass);
      return {};
    }
    result = layer->forward(result, state, pass);
  }
  return result;
}

Tensor Decoder::run_segment(const Tensor& x, const Surroundings& around, ContextState& state, Pass& pass) const {
  Pass whole{.segments = {.length = x.size(1)},
             .rotary = pass.rotary,
             .surroundings = &around,
             .observer = pass.observer,
             .auxiliary_loss = pass.auxiliary_loss};
  Tensor output = Decoder::run_blocks(x, state, whole);
  pass.auxiliary_loss = whole.auxiliary_loss;
  return output;
}

Tensor Decoder::continue_from(int64_t place, const Tensor& x, const Surroundings& around, ContextState& state,
                              const Pass& pass) const {
  Pass inner{.mode = pass.mode,
             .segments = {.length = around.before + pass.segments.length + around.after},
             .rotary = pass.rotary,
             .surroundings = &around};
  // The layers count the vectors around the tokens as well.
  const int64_t tokens = std::exchange(state.open_tokens, place);
  Tensor output = Decoder::run_blocks(x, state, inner);
  state.open_tokens = tokens;
  return output;
}

ContextState Decoder::empty_state(int64_t rows, const torch::TensorOptions& options) const {
  ContextState state;
  for (const auto& layer : layers_) layer->attention().add_empty_state(state, rows, options);
  return state;
}

}  // namespace infini
