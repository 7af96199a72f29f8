#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/library.h>

#include "ops/ops.h"

#include "ops/internal.h"
#include "ops/sigma.h"
namespace infini::ops {
using at::Tensor;
using OptionalTensor = std::optional<Tensor>;
static std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> fwd(
    const Tensor& q_, const Tensor& k_, const Tensor& v_, const Tensor& beta, const Tensor& memory_, const Tensor& norm_,
    const Tensor& cos, const Tensor& sin, int64_t L, std::string_view update, const OptionalTensor& starts, const OptionalTensor& gain) {
  auto dt = (q_.scalar_type() == at::kDouble || memory_.scalar_type() == at::kDouble) ? at::kDouble : at::kFloat;
  auto q = q_.to(dt), v = v_.to(dt), k = k_.to(dt), M = memory_.to(dt), z = norm_.to(dt);
  auto H = q.size(1), G = k.size(1), N = q.size(2);
  auto c = cos.to(dt), s = sin.to(dt);
  std::vector<Tensor> outs;
  for (int64_t a = 0, i = 0; a < N; a += L, ++i) {
    auto n = std::min(L, N - a);
    auto qs = q.narrow(2, a, n), ks = k.narrow(2, a, n), vs = v.narrow(2, a, n);
    if (starts) {
      auto keep = starts->select(1, i).logical_not().to(dt);
      M = M * keep.view({-1, 1, 1, 1});
      z = z * keep.view({-1, 1, 1});
    }
    auto rot = [&](Tensor x) {
      auto h = x.chunk(2, -1);
      return x * c.narrow(0, 0, n) + at::cat({-h[1], h[0]}, -1) * s.narrow(0, 0, n);
    };
    auto kr = rot(ks).repeat_interleave(H / G, 1), vr = vs.repeat_interleave(H / G, 1);
    auto sc = rot(qs).matmul(kr.transpose(-1, -2)) / std::sqrt((double)q.size(3));
    sc = sc.masked_fill(at::ones({n, n}, sc.options().dtype(at::kBool)).triu(1), -INFINITY);
    auto local = sc.softmax(-1).matmul(vr);
    if (update != "none") {
      auto Mr = M.repeat_interleave(H / G, 1), zr = z.repeat_interleave(H / G, 1);
      auto sq = sigma(qs);
      auto mem = sq.matmul(Mr) * reciprocal_or_zero(sq.matmul(zr.unsqueeze(-1)));
      auto g = beta.to(dt).sigmoid().view({1, H, 1, 1}) * zr.ne(0).any(-1).unsqueeze(-1).unsqueeze(-1);
      local = local + g * (mem - local);
      if (n == L) {
        auto sk = sigma(ks);
        auto w = vs;
        if (update == "delta") w = w - sk.matmul(M) * reciprocal_or_zero(sk.matmul(z.unsqueeze(-1)));
        auto gn = gain ? gain->select(1, i).to(dt) : at::ones({q.size(0)}, q.options());
        M = M + sk.transpose(-1, -2).matmul(w) * gn.view({-1, 1, 1, 1});
        z = z + sk.sum(2) * gn.view({-1, 1, 1});
      }
    }
    outs.push_back(local);
  }
  auto out = empty_in_layout_of(q_, v_.size(3), q_.scalar_type());
  out.copy_(at::cat(outs, 2));
  if (M.is_same(memory_)) M = M.clone();
  if (z.is_same(norm_)) z = z.clone();
  auto st = q.options();
  return {out, M, z, at::empty({0}, st), at::empty({0}, st), at::empty({0}, st), at::empty({0}, st)};
}
static std::tuple<Tensor, Tensor, Tensor> full(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& beta, const Tensor& memory, const Tensor& norm,
    const Tensor& cos, const Tensor& sin, int64_t L, std::string_view update, const OptionalTensor& starts, const OptionalTensor& gain) {
  // autograd through the composite
  auto [o, m, z, a, b, c, d] = fwd(q, k, v, beta, memory, norm, cos, sin, L, update, starts, gain);
  return {o, m, z};
}
TORCH_LIBRARY_IMPL(infini, CPU, library) { library.impl("_attention_forward", fwd); }
TORCH_LIBRARY_IMPL(infini, Autograd, library) { library.impl("attention", full); }
}  // namespace infini::ops
