#include "model/memory_diagnostics.h"

#include <string>
#include <tuple>

#include "ops/ops.h"

namespace infini {

using torch::Tensor;

namespace {

// Which tokens read an empty memory: [B, H, N, 1]. The memory of the first segment is empty if the incoming norm [B, G,
// D] is all zero. The memory of a later segment is empty if the segment begins a document.
Tensor empty_memory(const ops::AttentionArguments& attention) {
  const int64_t heads = attention.q.size(1), tokens = attention.q.size(2), length = attention.segment_length;
  const int64_t count = (tokens + length - 1) / length, groups = attention.norm.size(1);
  Tensor empty = attention.norm.eq(0).all(-1).repeat_interleave(heads / groups, 1).unsqueeze(2);  // [B, H, 1]
  empty = at::constant_pad_nd(empty, {0, count - 1}, 0);
  if (attention.starts) empty = empty.bitwise_or(attention.starts->unsqueeze(1));
  return empty.repeat_interleave(length, 2).narrow(2, 0, tokens).unsqueeze(3);
}

}  // namespace

MemoryDiagnostics::MemoryDiagnostics(const ModelConfig& config, torch::Device device)
    : gates_(torch::zeros({config.num_hidden_layers, config.num_attention_heads}, torch::device(device))),
      memory_share_(gates_.clone()) {}

void MemoryDiagnostics::observe(int64_t layer, const ops::AttentionArguments& attention) {
  const torch::NoGradGuard no_graph;
  seen_ = true;
  const auto output_with = [&](const Tensor& beta, const std::string& update) {
    ops::AttentionArguments changed = attention;
    changed.beta = beta;
    changed.update = update;
    return std::get<0>(ops::attention(changed));
  };
  const Tensor& beta = attention.beta;
  const Tensor empty = empty_memory(attention);
  const Tensor gate = at::sigmoid(beta).view({1, -1, 1, 1});
  // sigmoid(100) is 1 in every floating dtype, so only A_mem remains.
  const Tensor from_memory = (output_with(torch::full_like(beta, 100), attention.update) * gate).masked_fill(empty, 0);
  const Tensor from_segment = output_with(beta, "none") * (1 - gate.masked_fill(empty, 0));

  const Tensor memory_length = at::linalg_vector_norm(from_memory, 2, {3});
  const Tensor segment_length = at::linalg_vector_norm(from_segment, 2, {3});
  const Tensor share = memory_length / (memory_length + segment_length).clamp_min(1e-30);
  gates_[layer].copy_(gate.flatten());
  memory_share_[layer].copy_(share.mean(at::IntArrayRef{0, 2}));
}

}  // namespace infini
