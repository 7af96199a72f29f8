#include "model/memory_diagnostics.h"

#include <limits>
#include <string>
#include <tuple>

#include "model/effective_rank.h"
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

// The mean of x over the dimensions where `counts` is true; not a number if it is true nowhere.
Tensor mean_where(const Tensor& counts, const Tensor& x, at::IntArrayRef dimensions) {
  return x.masked_fill(counts.bitwise_not(), 0).sum(dimensions) / counts.sum(dimensions);
}

// σ(x) = x + 1 for x > 0, exp(x) otherwise. ops::sigma chooses with `where`, which has no kernel on the meta device.
Tensor sigma(const Tensor& x) { return x.clamp_min(0) + x.clamp_max(0).exp(); }

struct Memory {
  Tensor out, memory, norm;
};

Memory attend(const ops::AttentionArguments& attention, const Tensor& beta, const std::string& update) {
  ops::AttentionArguments changed = attention;
  changed.beta = beta;
  changed.update = update;
  auto [out, memory, norm] = ops::attention(changed);
  return {out, memory, norm};
}

}  // namespace

MemoryDiagnostics::MemoryDiagnostics(const ModelConfig& config, torch::Device device) {
  const int64_t groups = config.num_key_value_heads, width = config.head_dim;
  const auto nothing = [&](std::vector<int64_t> sizes) {
    sizes.insert(sizes.begin(), config.num_hidden_layers);
    return torch::full(sizes, std::numeric_limits<float>::quiet_NaN(), torch::device(device));
  };
  for (Tensor* const reading : {&gates_, &memory_share_, &retrieval_norm_}) {
    *reading = nothing({config.num_attention_heads});
  }
  for (Tensor* const reading : {&retrieval_error_, &norm_mean_, &norm_per_segment_}) *reading = nothing({groups});
  memories_ = nothing({groups, width, width});
  right_ = torch::zeros({config.num_hidden_layers, 1}, torch::device(device));
  routed_ = right_.clone();
}

void MemoryDiagnostics::observe(int64_t layer, const ops::AttentionArguments& attention) {
  const torch::NoGradGuard no_graph;
  memory_seen_ = true;
  const Tensor& beta = attention.beta;
  const Tensor empty = empty_memory(attention);
  const Tensor gate = at::sigmoid(beta).view({1, -1, 1, 1});
  // sigmoid(100) is 1 in every floating dtype, so only A_mem remains.
  const auto [retrieved, memory, norm] = attend(attention, torch::full_like(beta, 100), attention.update);
  const Tensor from_segment = attend(attention, beta, "none").out * (1 - gate.masked_fill(empty, 0));

  const Tensor retrieved_length = at::linalg_vector_norm(retrieved, 2, {3});
  const Tensor memory_length = (retrieved_length * gate.squeeze(3)).masked_fill(empty.squeeze(3), 0);
  const Tensor segment_length = at::linalg_vector_norm(from_segment, 2, {3});
  const Tensor share = memory_length / (memory_length + segment_length).clamp_min(1e-30);
  gates_[layer].copy_(gate.flatten());
  memory_share_[layer].copy_(share.mean(at::IntArrayRef{0, 2}));
  retrieval_norm_[layer].copy_(
      mean_where(empty.squeeze(3).bitwise_not().expand_as(retrieved_length), retrieved_length, {0, 2}));
  observe_writing(layer, attention, memory, norm);
}

void MemoryDiagnostics::observe_writing(int64_t layer, const ops::AttentionArguments& attention, const Tensor& memory,
                                        const Tensor& norm) {
  const Tensor written = norm.ne(0).any(-1);  // [B, G]: has the memory anything in it?
  norm_mean_[layer].copy_(mean_where(written, norm.mean(-1), {0}));
  memories_[layer].copy_(memory.select(0, 0));

  const int64_t length = attention.segment_length, full = attention.k.size(2) / length;
  if (full == 0) return;
  const auto dtype = norm.scalar_type();
  const Tensor sigma_k = sigma(attention.k.narrow(2, 0, full * length).to(dtype));
  Tensor added = sigma_k.mean(-1).unflatten(2, {full, length}).sum(-1);  // [B, G, full]
  if (attention.gain) added = added * attention.gain->narrow(1, 0, full).unsqueeze(1);
  norm_per_segment_[layer].copy_(added.mean(at::IntArrayRef{0, 2}));

  const auto last = [&](const Tensor& x) { return x.narrow(2, (full - 1) * length, length).to(dtype); };
  const auto without_mean = [](const Tensor& x) { return x - x.mean(2, true); };
  const auto squares = [](const Tensor& x) { return x.square().sum(at::IntArrayRef{2, 3}); };
  const Tensor values = without_mean(last(attention.v));
  const Tensor returned = without_mean(ops::memory_retrieve(last(attention.k), memory, norm));
  const Tensor error = squares(returned - values) / squares(values);  // [B, G]
  retrieval_error_[layer].copy_(mean_where(written, error, {0}));
}

void MemoryDiagnostics::observe_routing(int64_t layer, const Tensor& right) {
  const torch::NoGradGuard no_graph;
  routing_seen_ = true;
  right_[layer] += right.sum();
  routed_[layer] += right.numel();
}

std::vector<DeviceReading> MemoryDiagnostics::readings() const {
  std::vector<DeviceReading> seen;
  if (memory_seen_) {
    seen = {{"gates", gates_},
            {"memory_share", memory_share_},
            {"retrieval_norm", retrieval_norm_},
            {"effective_rank", memories_, effective_rank},
            {"retrieval_error", retrieval_error_},
            {"z", norm_mean_},
            {"z_per_segment", norm_per_segment_}};
  }
  if (routing_seen_) seen.push_back({"depth_accuracy", right_ / routed_});
  return seen;
}

}  // namespace infini
