#include "eval/evidence_share.h"

#include "ops/sigma.h"

namespace infini {

using torch::Tensor;

EvidenceShare::EvidenceShare(const ModelConfig& config, int64_t rows, torch::Device device)
    : sum_(torch::zeros({config.num_hidden_layers, config.num_attention_heads}, torch::kFloat64)) {
  const std::vector<int64_t> sizes{rows, config.num_key_value_heads, config.head_dim};
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    evidence_norm_.push_back(torch::zeros(sizes, torch::device(device)));
  }
}

void EvidenceShare::follow_written(const Tensor& evidence) {
  evidence_ = evidence;
  places_ = Tensor();
}

void EvidenceShare::follow_read(const Tensor& places) {
  evidence_ = Tensor();
  places_ = places;
}

void EvidenceShare::observe(int64_t layer, const ops::AttentionArguments& attention) {
  seen_ = true;
  Tensor& evidence_norm = evidence_norm_[static_cast<size_t>(layer)];
  if (evidence_.defined()) {
    const Tensor written = ops::sigma(attention.k.to(torch::kFloat32)) * evidence_.unsqueeze(1).unsqueeze(3);
    evidence_norm = evidence_norm + written.sum(2);
    return;
  }
  const Tensor &all_q = attention.q, &norm = attention.norm;
  const int64_t rows = all_q.size(0), count = all_q.size(1), width = all_q.size(3), groups = norm.size(1);
  const Tensor there = places_.ge(0).to(torch::kFloat32);  // [B, K]
  const Tensor index = places_.clamp_min(0).view({rows, 1, -1, 1}).expand({rows, count, places_.size(1), width});
  const Tensor q = ops::sigma(all_q.gather(2, index).to(torch::kFloat32));  // [B, H, K, D]
  const auto against = [&](const Tensor& z) {
    return q.matmul(z.repeat_interleave(count / groups, 1).unsqueeze(3)).squeeze(3);
  };
  const Tensor share = against(evidence_norm) * ops::reciprocal_or_zero(against(norm));  // [B, H, K]
  const Tensor mean = (share * there.unsqueeze(1)).sum(2) / there.sum(1, true).clamp_min(1);
  sum_[layer] += mean.sum(0).to(torch::kCPU, torch::kFloat64);
}

}  // namespace infini
