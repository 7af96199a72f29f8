#include "model/layer_attention.h"

#include <algorithm>
#include <utility>

#include "ops/ops.h"

namespace infini {

using torch::Tensor;

namespace {

// Causal attention of the last n of m tokens: q [B,H,n,D], k and v [B,G,m,D]. q and k are already rotated.
Tensor attend_to_all_before(const Tensor& q, const Tensor& k, const Tensor& v) {
  const int64_t n = q.size(2), m = k.size(2);
  std::optional<Tensor> visible;
  if (n > 1 && n < m) visible = torch::ones({n, m}, q.options().dtype(torch::kBool)).tril(m - n);
  return at::scaled_dot_product_attention(q, k, v, visible, /*dropout_p=*/0.0, /*is_causal=*/n > 1 && n == m,
                                          /*scale=*/std::nullopt, /*enable_gqa=*/true);
}

}  // namespace

LayerAttention::LayerAttention(const ModelConfig& config, int64_t layer, const torch::TensorOptions& options)
    : layer_(layer),
      heads_(config.num_attention_heads),
      key_value_heads_(config.num_key_value_heads),
      head_dim_(config.head_dim),
      state_prefix_("layers." + std::to_string(layer) + ".") {
  const auto projection = [&](const char* name, int64_t in, int64_t out) {
    return register_module(name, std::make_shared<Projection>(in, out, config.attention_bias, options));
  };
  q_proj_ = projection("q_proj", config.hidden_size, heads_ * head_dim_);
  k_proj_ = projection("k_proj", config.hidden_size, key_value_heads_ * head_dim_);
  v_proj_ = projection("v_proj", config.hidden_size, key_value_heads_ * head_dim_);
  o_proj_ = projection("o_proj", heads_ * head_dim_, config.hidden_size);
  const auto convolution = [&](const char* name, int64_t heads) -> std::shared_ptr<ShortConvolution> {
    if (config.short_convolution == 0) return nullptr;
    return register_module(name,
                           std::make_shared<ShortConvolution>(config, heads * head_dim_, state_prefix_, name, options));
  };
  q_conv1d_ = convolution("q_conv1d", heads_);
  k_conv1d_ = convolution("k_conv1d", key_value_heads_);
  v_conv1d_ = convolution("v_conv1d", key_value_heads_);
  if (config.qk_norm) {
    q_norm_ = register_module("q_norm", std::make_shared<RmsNorm>(head_dim_, config.rms_norm_eps, options));
    k_norm_ = register_module("k_norm", std::make_shared<RmsNorm>(head_dim_, config.rms_norm_eps, options));
  }
}

QueriesKeysValues LayerAttention::project(const Tensor& x, ContextState& state, const Pass& pass) const {
  Tensor q = heads_of(convolved(*q_proj_, q_conv1d_, x, state, pass), q_norm_);
  Tensor k = heads_of(convolved(*k_proj_, k_conv1d_, x, state, pass), k_norm_);
  Tensor v = heads_of(convolved(*v_proj_, v_conv1d_, x, state, pass), nullptr);
  return {std::move(q), std::move(k), std::move(v)};
}

KeysAndValues LayerAttention::project_keys_and_values(const Tensor& x, ContextState& state, const Pass& pass) const {
  memorize_inputs(*q_proj_, q_conv1d_, x, state, pass);
  Tensor k = heads_of(convolved(*k_proj_, k_conv1d_, x, state, pass), k_norm_);
  Tensor v = heads_of(convolved(*v_proj_, v_conv1d_, x, state, pass), nullptr);
  return {std::move(k), std::move(v)};
}

Tensor LayerAttention::convolved(const Projection& projection, const std::shared_ptr<ShortConvolution>& convolution,
                                 const Tensor& x, ContextState& state, const Pass& pass) {
  Tensor projected = projection.forward(x);
  return convolution ? convolution->forward(projected, state, pass) : projected;
}

Tensor LayerAttention::project_kept_queries(const Tensor& x) const { return heads_of(q_proj_->forward(x), q_norm_); }

KeysAndValues LayerAttention::project_kept(const Tensor& x, Weights weights) const {
  return {heads_of(k_proj_->forward(x, weights), k_norm_, weights), heads_of(v_proj_->forward(x, weights), nullptr)};
}

Tensor LayerAttention::heads_of(const Tensor& projected, const std::shared_ptr<RmsNorm>& norm, Weights weights) const {
  Tensor heads = projected.unflatten(2, {-1, head_dim_});
  if (norm) heads = norm->forward(heads, weights);
  return heads.transpose(1, 2);
}

void LayerAttention::memorize(const Tensor& x, ContextState& state, Pass& pass) const {
  memorize_inputs(*q_proj_, q_conv1d_, x, state, pass);
  memorize_inputs(*k_proj_, k_conv1d_, x, state, pass);
  memorize_inputs(*v_proj_, v_conv1d_, x, state, pass);
}

void LayerAttention::memorize_inputs(const Projection& projection, const std::shared_ptr<ShortConvolution>& convolution,
                                     const Tensor& x, ContextState& state, const Pass& pass) {
  if (!convolution) return;
  const auto inputs = [&](int64_t begin, int64_t count) { return projection.forward(x.narrow(1, begin, count)); };
  convolution->memorize(x.size(1), inputs, state, pass);
}

void LayerAttention::add_empty_state(ContextState& state, int64_t rows, const torch::TensorOptions& options) const {
  add_empty_memory(state, rows, options);
  for (const auto& convolution : {q_conv1d_, k_conv1d_, v_conv1d_}) {
    if (convolution) convolution->add_empty_state(state, rows, options);
  }
}

Tensor LayerAttention::output(const Tensor& attended) const {
  return o_proj_->forward(attended.transpose(1, 2).flatten(2));
}

Tensor LayerAttention::attend_open_segment(const QueriesKeysValues& tokens, ContextState& state,
                                           const Pass& pass) const {
  const int64_t end = state.open_tokens + tokens.q.size(2);
  const auto [cos, sin] = positions(end, tokens.q, pass).from(state.open_tokens);
  const Tensor k = extend_open_segment("open_rotated_keys", ops::rotate(tokens.k, cos, sin), state, pass);
  const Tensor v = extend_open_segment("open_values", tokens.v, state, pass);
  return attend_to_all_before(ops::rotate(tokens.q, cos, sin), k, v);
}

Tensor LayerAttention::attend_where(const Tensor& visible, const Tensor& q, const Tensor& k, const Tensor& v) {
  return at::scaled_dot_product_attention(q, k, v, visible, /*dropout_p=*/0.0, /*is_causal=*/false,
                                          /*scale=*/std::nullopt, /*enable_gqa=*/true);
}

Tensor LayerAttention::extend_open_segment(const char* tensor, const Tensor& fresh, ContextState& state,
                                           const Pass& pass) const {
  const int64_t end = state.open_tokens + fresh.size(2);
  ContextTensor& open = state.tensors[state_name(tensor)];
  open.differentiable = false;
  const int64_t room = open.value.defined() ? open.value.size(2) : 0;
  if (room < end) {
    // Without segments the open segment never ends: double its room.
    std::vector<int64_t> sizes = fresh.sizes().vec();
    sizes[2] = pass.segments.length > 0 ? pass.segments.length : std::max(end, 2 * room);
    const Tensor larger = torch::empty(sizes, fresh.options());
    if (state.open_tokens > 0) {
      larger.narrow(2, 0, state.open_tokens).copy_(open.value.narrow(2, 0, state.open_tokens));
    }
    open.value = larger;
  }
  open.value.narrow(2, state.open_tokens, fresh.size(2)).copy_(fresh);
  return open.value.narrow(2, 0, end);
}

}  // namespace infini
