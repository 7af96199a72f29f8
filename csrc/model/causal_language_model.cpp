#include "model/causal_language_model.h"

#include <algorithm>

#include "model/decoder.h"
#include "model/memory_kinds.h"
#include "model/projection.h"
#include "ops/ops.h"

namespace infini {

using torch::Tensor;

namespace {

/// Of the taps of a short convolution, which begins near the identity: the last tap is about 1.
constexpr double kConvolutionNoise = 0.2;

std::optional<Tensor> if_defined(const Tensor& tensor) {
  return tensor.defined() ? std::optional<Tensor>(tensor) : std::nullopt;
}

/// Throws UserError where the config is impossible.
std::shared_ptr<Decoder> make_decoder(const ModelConfig& config, const torch::TensorOptions& options) {
  config.validate();
  return find_memory_kind(config.memory.kind).make_decoder(config, options);
}

}  // namespace

CausalLanguageModel::CausalLanguageModel(const ModelConfig& config, std::shared_ptr<Decoder> decoder,
                                         const torch::TensorOptions& options)
    : config_(config), rotary_(config.head_dim, config.rope_theta) {
  decoder_ = register_module("model", std::move(decoder));
  if (!config.tie_word_embeddings) {
    lm_head_ = register_module(
        "lm_head", std::make_shared<Projection>(config.hidden_size, config.vocab_size, /*bias=*/false, options));
  }
}

CausalLanguageModel::CausalLanguageModel(const ModelConfig& config, double initial_beta)
    : CausalLanguageModel(config, make_decoder(config, torch::kFloat32), torch::kFloat32) {
  const torch::NoGradGuard no_graph;
  for (const auto& parameter : named_parameters()) {
    initialize_parameter(parameter.key(), parameter.value(), config, initial_beta);
  }
}

void initialize_parameter(const std::string& name, Tensor parameter, const ModelConfig& config, double initial_beta) {
  const torch::NoGradGuard no_graph;
  if (name.ends_with("memory_gate")) {
    parameter.fill_(initial_beta);
  } else if (name.ends_with("_conv1d.weight")) {
    parameter.normal_(0.0, kConvolutionNoise).select(2, -1).add_(1);
  } else if (parameter.dim() >= 2) {
    parameter.normal_(0.0, config.initializer_range);
  } else {
    parameter.fill_(name.ends_with("bias") ? 0 : 1);
  }
}

std::shared_ptr<CausalLanguageModel> CausalLanguageModel::uninitialized(const ModelConfig& config,
                                                                        const torch::TensorOptions& options) {
  return std::make_shared<CausalLanguageModel>(config, make_decoder(config, options), options);
}

ContextState CausalLanguageModel::empty_state(int64_t rows) const {
  const bool wide = compute_dtype_ == torch::kFloat64;
  return decoder_->empty_state(rows, torch::dtype(wide ? torch::kFloat64 : torch::kFloat32).device(device()));
}

bool CausalLanguageModel::has_memory() const {
  return std::ranges::any_of(decoder_->empty_state(0, torch::device(torch::kMeta)).tensors,
                             [](const auto& named) { return named.second.of_memory; });
}

bool CausalLanguageModel::depends_on_earlier_segments(bool memory) const {
  return (memory && has_memory()) || (config_.memory.segment_length > 0 && config_.short_convolution > 0);
}

ForwardResult CausalLanguageModel::forward(const Tensor& tokens, const ContextState& state, const SegmentMarks& marks,
                                           AttentionObserver* observer) {
  Pass pass{.segments = segments(tokens, marks), .rotary = &rotary_, .observer = observer};
  ForwardResult result{.state = state};
  result.hidden = decoder_->forward(tokens, compute_dtype_, result.state, pass);
  result.auxiliary_loss = pass.auxiliary_loss;
  return result;
}

ContextState CausalLanguageModel::memorize(const Tensor& tokens, const ContextState& state) {
  Pass pass{.mode = PassMode::memorize, .segments = segments(tokens, {}), .rotary = &rotary_};
  ContextState next = state;
  decoder_->forward(tokens, compute_dtype_, next, pass);
  return next;
}

Tensor CausalLanguageModel::read(const Tensor& tokens, ContextState& state) {
  const torch::NoGradGuard no_graph;
  const int64_t segment = config_.memory.segment_length, total = tokens.size(1);
  std::vector<Tensor> hidden{
      torch::empty({tokens.size(0), 0, config_.hidden_size}, torch::dtype(compute_dtype_).device(tokens.device()))};
  for (int64_t position = 0; position < total;) {
    const int64_t left = total - position;
    const int64_t whole = segment == 0 || state.open_tokens > 0 ? 0 : left / segment * segment;
    const int64_t open = segment == 0 ? left : std::min(left, segment - state.open_tokens);
    const Tensor next = tokens.narrow(1, position, whole > 0 ? whole : open);
    if (whole > 0) {
      ForwardResult result = forward(next, state);
      hidden.push_back(std::move(result.hidden));
      state = std::move(result.state);
    } else {
      hidden.push_back(continue_segment(next, state));
    }
    position += next.size(1);
  }
  return torch::cat(hidden, 1);
}

Tensor CausalLanguageModel::continue_segment(const Tensor& tokens, ContextState& state) {
  const int64_t end = state.open_tokens + tokens.size(1), length = config_.memory.segment_length;
  Pass pass{.mode = PassMode::open_segment, .segments = {.length = length}, .rotary = &rotary_};
  Tensor hidden = decoder_->forward(tokens, compute_dtype_, state, pass);
  state.open_tokens = end == length ? 0 : end;
  return hidden;
}

Tensor CausalLanguageModel::loss(const Tensor& hidden, const Tensor& targets, const Tensor& weights) const {
  return ops::linear_cross_entropy(hidden.flatten(0, 1), head(), targets.flatten(),
                                   weights.defined() ? std::optional<Tensor>(weights.flatten()) : std::nullopt);
}

Tensor CausalLanguageModel::token_losses(const Tensor& hidden, const Tensor& targets) const {
  return ops::linear_token_losses(hidden.flatten(0, 1), head(), targets.flatten()).view(targets.sizes());
}

Tensor CausalLanguageModel::logits(const Tensor& hidden) const {
  return ops::affine_map(hidden, head().to(hidden.scalar_type()));
}

torch::Device CausalLanguageModel::device() const { return embedding().device(); }

const Tensor& CausalLanguageModel::embedding() const { return decoder_->embedding(); }

Segments CausalLanguageModel::segments(const Tensor& tokens, const SegmentMarks& marks) const {
  const int64_t length = config_.memory.segment_length;
  if (length == 0) return {.length = tokens.size(1)};
  TORCH_CHECK(marks.lengths.empty() || find_memory_kind(config_.memory.kind).lengths_vary,
              "the segments of the kind of memory ", config_.memory.kind, " have one length");
  TORCH_CHECK(!marks.gain.defined() || find_memory_kind(config_.memory.kind).has_gain, "the kind of memory ",
              config_.memory.kind, " has no gain");
  Segments segments{length, if_defined(marks.starts), if_defined(marks.gain), if_defined(marks.starts), marks.lengths};
  if (!marks.memory) {
    const int64_t count = static_cast<int64_t>(segments.spans(tokens.size(1)).size());
    segments.starts = torch::ones({tokens.size(0), count}, tokens.options().dtype(torch::kBool));
  }
  return segments;
}

const Tensor& CausalLanguageModel::head() const { return lm_head_ ? lm_head_->weight() : embedding(); }

}  // namespace infini
