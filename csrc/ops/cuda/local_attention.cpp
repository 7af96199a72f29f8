#include "ops/cuda/local_attention.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <vector>

namespace infini::ops::cuda {
namespace {

using at::Tensor;
using Gradients = std::tuple<Tensor, Tensor, Tensor>;

/// The memory-efficient kernel wants rows of logsumexp that are a multiple of this long.
constexpr int64_t logsumexp_alignment = 32;

double softmax_scale(const Tensor& q) { return 1.0 / std::sqrt(static_cast<double>(q.size(-1))); }

/// Widened by zeros, which change no score and no other column of the output.
Tensor padded(const Tensor& x, int64_t width) {
  return x.size(-1) == width ? x : at::constant_pad_nd(x, {0, width - x.size(-1)});
}

/// [b, G, n, w] → [b, H, n, w]: each KV head once for every query head that reads it.
Tensor for_each_query_head(const Tensor& x, int64_t heads) {
  const int64_t groups = x.size(1);
  if (groups == heads) return x;
  return x.unsqueeze(2).expand({-1, -1, heads / groups, -1, -1}).reshape({x.size(0), heads, x.size(2), x.size(3)});
}

Tensor sum_over_query_heads(const Tensor& x, int64_t groups) {
  if (x.size(1) == groups) return x;
  return x.view({x.size(0), groups, x.size(1) / groups, x.size(2), x.size(3)}).sum(2);
}

bool is_memory_efficient(const Tensor& q) { return q.is_cuda() && q.scalar_type() == at::kFloat; }

/// One segment a row: q [b,H,n,D].
std::tuple<Tensor, Tensor> attend(const Tensor& q, const Tensor& k, const Tensor& v) {
  const double scale = softmax_scale(q);
  if (is_memory_efficient(q)) {
    const auto result = at::_scaled_dot_product_efficient_attention(
        q, for_each_query_head(k, q.size(1)), for_each_query_head(v, q.size(1)), std::nullopt,
        /*compute_log_sumexp=*/true, /*dropout_p=*/0.0, /*is_causal=*/true, scale);
    return {std::get<0>(result), std::get<1>(result).narrow(2, 0, q.size(2))};
  }
  const int64_t width = std::max(q.size(3), v.size(3));
  const Tensor wide_q = padded(q, width), wide_k = padded(k, width), wide_v = padded(v, width);
  Tensor out, logsumexp;
  if (q.is_cuda()) {
    const auto result = at::_scaled_dot_product_flash_attention(wide_q, wide_k, wide_v, /*dropout_p=*/0.0,
                                                                /*is_causal=*/true, /*return_debug_mask=*/false, scale);
    out = std::get<0>(result);
    logsumexp = std::get<1>(result);
  } else {
    std::tie(out, logsumexp) = at::_scaled_dot_product_flash_attention_for_cpu(
        wide_q, wide_k, wide_v, /*dropout_p=*/0.0, /*is_causal=*/true, std::nullopt, scale);
  }
  return {out.narrow(3, 0, v.size(3)), logsumexp};
}

Gradients attend_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& out,
                          const Tensor& logsumexp) {
  const double scale = softmax_scale(q);
  const int64_t heads = q.size(1), groups = k.size(1), tokens = q.size(2);
  // What dropout would need, of which there is none: never read.
  const auto random_state = [&](at::IntArrayRef shape, at::ScalarType dtype) {
    return at::empty(shape, q.options().dtype(dtype));
  };
  if (is_memory_efficient(q)) {
    const int64_t missing = (logsumexp_alignment - tokens % logsumexp_alignment) % logsumexp_alignment;
    const Tensor aligned = at::constant_pad_nd(logsumexp, {0, missing}, std::numeric_limits<double>::infinity());
    const auto [dq, dk, dv, dbias] = at::_scaled_dot_product_efficient_attention_backward(
        dout, q, for_each_query_head(k, heads), for_each_query_head(v, heads), Tensor(), out, aligned,
        random_state({}, at::kLong), random_state({}, at::kLong), /*dropout_p=*/0.0, {true, true, true, false},
        /*is_causal=*/true, scale);
    return {dq, sum_over_query_heads(dk, groups), sum_over_query_heads(dv, groups)};
  }
  const int64_t width = std::max(q.size(3), v.size(3));
  const Tensor wide_q = padded(q, width), wide_k = padded(k, width), wide_v = padded(v, width),
               wide_out = padded(out, width), wide_dout = padded(dout, width);
  Tensor dq, dk, dv;
  if (q.is_cuda()) {
    std::tie(dq, dk, dv) = at::_scaled_dot_product_flash_attention_backward(
        wide_dout, wide_q, wide_k, wide_v, wide_out, logsumexp.contiguous(), Tensor(), Tensor(), tokens, tokens,
        /*dropout_p=*/0.0, /*is_causal=*/true, random_state({2}, at::kUInt64), random_state({}, at::kUInt64), scale);
  } else {
    std::tie(dq, dk, dv) = at::_scaled_dot_product_flash_attention_for_cpu_backward(
        wide_dout, wide_q, wide_k, wide_v, wide_out, logsumexp, /*dropout_p=*/0.0, /*is_causal=*/true, std::nullopt,
        scale);
  }
  return {dq.narrow(3, 0, q.size(3)), dk.narrow(3, 0, k.size(3)), dv.narrow(3, 0, v.size(3))};
}

/// Segments of one length, as rows of a batch. [B, heads, N, w] is a view of that where tokens stand before heads.
struct EqualSegments {
  int64_t batch, first, count, length;

  Tensor as_rows(const Tensor& x) const {
    return x.narrow(2, first, count * length).unflatten(2, {count, length}).transpose(1, 2).flatten(0, 1);
  }
  Tensor from_rows(const Tensor& x) const { return x.unflatten(0, {batch, count}).transpose(1, 2).flatten(2, 3); }
};

/// Calls body for the full segments, then for the shorter last one.
template <typename Body>
void for_each_length(const Tensor& q, int64_t segment_length, const Body& body) {
  const int64_t tokens = q.size(2), full = tokens / segment_length, rest = tokens % segment_length;
  if (full > 0) body(EqualSegments{q.size(0), 0, full, segment_length});
  if (rest > 0) body(EqualSegments{q.size(0), full * segment_length, 1, rest});
}

Tensor joined(const std::vector<Tensor>& parts) { return parts.size() == 1 ? parts[0] : at::cat(parts, 2); }

}  // namespace

std::tuple<Tensor, Tensor> local_attention(const Tensor& q, const Tensor& k, const Tensor& v, int64_t segment_length) {
  std::vector<Tensor> outs, logsumexps;
  for_each_length(q, segment_length, [&](const EqualSegments& segments) {
    const auto [out, logsumexp] = attend(segments.as_rows(q), segments.as_rows(k), segments.as_rows(v));
    outs.push_back(segments.from_rows(out));
    logsumexps.push_back(segments.from_rows(logsumexp.unsqueeze(3)).squeeze(3));
  });
  return {joined(outs), joined(logsumexps).contiguous()};
}

Gradients local_attention_backward(const Tensor& dlocal, const Tensor& q, const Tensor& k, const Tensor& v,
                                   const Tensor& local, const Tensor& logsumexp, int64_t segment_length) {
  std::vector<Tensor> dqs, dks, dvs;
  for_each_length(q, segment_length, [&](const EqualSegments& segments) {
    const auto [dq, dk, dv] =
        attend_backward(segments.as_rows(dlocal), segments.as_rows(q), segments.as_rows(k), segments.as_rows(v),
                        segments.as_rows(local), segments.as_rows(logsumexp.unsqueeze(3)).squeeze(3));
    dqs.push_back(segments.from_rows(dq));
    dks.push_back(segments.from_rows(dk));
    dvs.push_back(segments.from_rows(dv));
  });
  return {joined(dqs), joined(dks), joined(dvs)};
}

}  // namespace infini::ops::cuda
