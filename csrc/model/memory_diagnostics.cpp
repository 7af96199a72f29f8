#include "model/memory_diagnostics.h"

#include <string_view>
#include <tuple>

#include "model/decoder.h"
#include "model/infini_attention.h"
#include "ops/ops.h"

namespace infini {

using torch::Tensor;

namespace {

// Where a segment finds its memory empty: [B, H, N, 1]. The first segment does if the incoming norm [B, G, D] is all
// zero, any other if it begins a document.
Tensor empty_memory(const Tensor& norm, const Segments& segments, int64_t tokens, int64_t heads) {
  const int64_t count = (tokens + segments.length - 1) / segments.length;
  Tensor empty = norm.eq(0).all(-1).repeat_interleave(heads / norm.size(1), 1).unsqueeze(2);  // [B, H, 1]
  empty = at::constant_pad_nd(empty, {0, count - 1}, 0);
  if (segments.starts) empty = empty.bitwise_or(segments.starts->unsqueeze(1));
  return empty.repeat_interleave(segments.length, 2).narrow(2, 0, tokens).unsqueeze(3);
}

}  // namespace

MemoryDiagnostics diagnose(CausalLanguageModel& model, const Tensor& tokens, const MemoryState& state,
                           const std::optional<Tensor>& starts, const std::optional<Tensor>& gain) {
  const torch::NoGradGuard no_graph;
  const ModelConfig& config = model.config();
  const Tensor zeros = torch::zeros({config.num_hidden_layers, config.num_attention_heads},
                                    torch::dtype(torch::kFloat32).device(model.device()));
  MemoryDiagnostics result{zeros, zeros.clone()};
  if (config.memory.update == "none") return result;

  const Segments segments = model.segments(tokens.size(1), starts, gain);
  model.decoder().forward(
      tokens, model.compute_dtype(), [&](size_t layer, const InfiniAttention& attention, const Tensor& x) {
        const auto [q, k, v] = attention.project(x);
        const auto attend = [&](const Tensor& beta, std::string_view update) {
          return std::get<0>(ops::attention(q, k, v, beta, state.memory[layer], state.norm[layer], segments.rotary.cos,
                                            segments.rotary.sin, segments.length, update, segments.starts,
                                            segments.gain));
        };
        const Tensor& beta = attention.memory_gate();
        const Tensor empty = empty_memory(state.norm[layer], segments, q.size(2), q.size(1));
        const Tensor gate = at::sigmoid(beta).view({1, -1, 1, 1});
        // sigmoid(100) is 1 in every floating dtype, so that only A_mem remains.
        const Tensor from_memory =
            (attend(torch::full_like(beta, 100), config.memory.update) * gate).masked_fill(empty, 0);
        const Tensor from_segment = attend(beta, "none") * (1 - gate.masked_fill(empty, 0));

        const Tensor memory_length = at::linalg_vector_norm(from_memory, 2, {3});
        const Tensor segment_length = at::linalg_vector_norm(from_segment, 2, {3});
        const Tensor share = memory_length / (memory_length + segment_length).clamp_min(1e-30);
        result.gates[layer].copy_(gate.flatten());
        result.memory_share[layer].copy_(share.mean(at::IntArrayRef{0, 2}));
        return attention.output((from_memory + from_segment).to(q.scalar_type()));
      });
  return result;
}

}  // namespace infini
