#include "eval/evidence_share.h"

#include <functional>

#include "model/decoder.h"
#include "model/infini_attention.h"
#include "ops/sigma.h"

namespace infini {
namespace {

using torch::Tensor;

/// What is looked at of one layer's queries and keys, before its attention runs.
using Look = std::function<void(size_t layer, const Heads& heads, const Tensor& norm)>;

ForwardResult forward_looking(CausalLanguageModel& model, const Tensor& tokens, const MemoryState& state,
                              const Look& look) {
  const Segments segments = model.segments(tokens.size(1));
  MemoryState next = state;
  const Tensor hidden = model.decoder().forward(
      tokens, model.compute_dtype(), [&](size_t layer, const InfiniAttention& attention, const Tensor& x) {
        look(layer, attention.project(x), next.norm[layer]);
        return attention.forward(x, next.memory[layer], next.norm[layer], segments);
      });
  return {hidden, next};
}

}  // namespace

EvidenceShare::EvidenceShare(const CausalLanguageModel& model, int64_t rows) {
  const ModelConfig& config = model.config();
  for (const Tensor& norm : model.empty_state(rows).norm) evidence_norm_.push_back(norm);
  sum_ = torch::zeros({config.num_hidden_layers, config.num_attention_heads}, torch::kFloat64);
}

ForwardResult EvidenceShare::write(CausalLanguageModel& model, const Tensor& tokens, const MemoryState& state,
                                   const Tensor& evidence) {
  return forward_looking(model, tokens, state, [&](size_t layer, const Heads& heads, const Tensor& /*norm*/) {
    const Tensor written = ops::sigma(heads.k.to(torch::kFloat32)) * evidence.unsqueeze(1).unsqueeze(3);
    evidence_norm_[layer] = evidence_norm_[layer] + written.sum(2);
  });
}

ForwardResult EvidenceShare::read(CausalLanguageModel& model, const Tensor& tokens, const MemoryState& state,
                                  const Tensor& places) {
  return forward_looking(model, tokens, state, [&](size_t layer, const Heads& heads, const Tensor& norm) {
    const int64_t rows = heads.q.size(0), count = heads.q.size(1), width = heads.q.size(3), groups = norm.size(1);
    const Tensor there = places.ge(0).to(torch::kFloat32);  // [B, K]
    const Tensor index = places.clamp_min(0).view({rows, 1, -1, 1}).expand({rows, count, places.size(1), width});
    const Tensor q = ops::sigma(heads.q.gather(2, index).to(torch::kFloat32));  // [B, H, K, D]
    const auto against = [&](const Tensor& z) {
      return q.matmul(z.repeat_interleave(count / groups, 1).unsqueeze(3)).squeeze(3);
    };
    const Tensor share = against(evidence_norm_[layer]) * ops::reciprocal_or_zero(against(norm));  // [B, H, K]
    const Tensor mean = (share * there.unsqueeze(1)).sum(2) / there.sum(1, true).clamp_min(1);
    sum_[static_cast<int64_t>(layer)] += mean.sum(0).to(torch::kCPU, torch::kFloat64);
  });
}

}  // namespace infini
