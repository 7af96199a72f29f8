#include "model/infini_attention.h"

#include <tuple>
#include <utility>

#include "ops/ops.h"

namespace infini {

using torch::Tensor;

namespace {

// Causal attention of the last n of m tokens: q [B,H,n,D], k and v [B,G,m,D], rotated already.
Tensor local_attention(const Tensor& q, const Tensor& k, const Tensor& v) {
  const int64_t n = q.size(2), m = k.size(2);
  std::optional<Tensor> visible;
  if (n > 1 && n < m) visible = torch::ones({n, m}, q.options().dtype(torch::kBool)).tril(m - n);
  return at::scaled_dot_product_attention(q, k, v, visible, /*dropout_p=*/0.0, /*is_causal=*/n > 1 && n == m,
                                          /*scale=*/std::nullopt, /*enable_gqa=*/true);
}

void append(Tensor& cached, const Tensor& fresh) { cached = cached.defined() ? torch::cat({cached, fresh}, 2) : fresh; }

}  // namespace

InfiniAttention::InfiniAttention(const ModelConfig& config, const torch::TensorOptions& options)
    : heads_(config.num_attention_heads),
      key_value_heads_(config.num_key_value_heads),
      head_dim_(config.head_dim),
      segment_length_(config.memory.segment_length),
      update_(config.memory.update) {
  const auto projection = [&](const char* name, int64_t in, int64_t out) {
    return register_module(name, std::make_shared<Projection>(in, out, config.attention_bias, options));
  };
  q_proj_ = projection("q_proj", config.hidden_size, heads_ * head_dim_);
  k_proj_ = projection("k_proj", config.hidden_size, key_value_heads_ * head_dim_);
  v_proj_ = projection("v_proj", config.hidden_size, key_value_heads_ * head_dim_);
  o_proj_ = projection("o_proj", heads_ * head_dim_, config.hidden_size);
  if (config.qk_norm) {
    q_norm_ = register_module("q_norm", std::make_shared<RmsNorm>(head_dim_, config.rms_norm_eps, options));
    k_norm_ = register_module("k_norm", std::make_shared<RmsNorm>(head_dim_, config.rms_norm_eps, options));
  }
  if (update_ != "none") memory_gate_ = register_parameter("memory_gate", torch::zeros({heads_}, options));
}

Heads InfiniAttention::project(const Tensor& x) const {
  Tensor q = q_proj_->forward(x).unflatten(2, {heads_, head_dim_});
  if (q_norm_) q = q_norm_->forward(q);
  auto [k, v] = project_keys_and_values(x);
  return {q.transpose(1, 2), std::move(k), std::move(v)};
}

KeysAndValues InfiniAttention::project_keys_and_values(const Tensor& x) const {
  Tensor k = k_proj_->forward(x).unflatten(2, {key_value_heads_, head_dim_});
  if (k_norm_) k = k_norm_->forward(k);
  const Tensor v = v_proj_->forward(x).unflatten(2, {key_value_heads_, head_dim_});
  return {k.transpose(1, 2), v.transpose(1, 2)};
}

Tensor InfiniAttention::output(const Tensor& attended) const {
  return o_proj_->forward(attended.transpose(1, 2).flatten(2));
}

Tensor InfiniAttention::forward(const Tensor& x, Tensor& memory, Tensor& norm, const Segments& segments) const {
  const auto [q, k, v] = project(x);
  const Tensor beta = memory_gate_.defined() ? memory_gate_ : torch::zeros({heads_}, norm.options());
  Tensor attended;
  std::tie(attended, memory, norm) =
      ops::attention(q, k, v, beta, memory, norm, segments.rotary.cos, segments.rotary.sin, segments.length, update_,
                     segments.starts, segments.gain);
  return output(attended);
}

void InfiniAttention::memorize(const Tensor& x, Tensor& memory, Tensor& norm) const {
  if (!memory_gate_.defined()) return;
  const auto [k, v] = project_keys_and_values(x);
  Tensor transition, written;
  std::tie(transition, written, norm) = ops::memory_summary(k, v, norm, segment_length_, update_);
  memory = transition.matmul(memory) + written;
}

Tensor InfiniAttention::continue_segment(const Tensor& x, Tensor& memory, Tensor& norm, OpenSegment& open,
                                         const RotaryEmbedding::Tables& rotary) const {
  const auto [q, k, v] = project(x);
  const auto [cos, sin] = rotary.from(open.length());
  append(open.k, k);
  append(open.v, v);
  append(open.rotated_k, ops::rotate(k, cos, sin));

  Tensor attended = local_attention(ops::rotate(q, cos, sin), open.rotated_k, open.v);
  if (memory_gate_.defined()) {
    attended = ops::memory_combine(attended, ops::memory_retrieve(q, memory, norm), memory_gate_, norm);
  }
  if (open.length() == segment_length_) {
    if (memory_gate_.defined()) std::tie(memory, norm) = ops::memory_update(open.k, open.v, memory, norm, update_);
    open = {};
  }
  return output(attended);
}

}  // namespace infini
