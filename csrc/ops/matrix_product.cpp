#include "ops/matrix_product.h"

#include <ATen/ATen.h>

#include "ops/internal.h"

namespace infini::ops {

using at::Tensor;

bool is_onednns(const Tensor& x) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && at::globalContext().hasMKLDNN() && x.sym_numel() > 0;
}

// Both contiguous: what is not falls to older kernels, half as fast in some shapes. ATen has no other door to oneDNN's
// float product; what is empty here is a function applied to the result.
Tensor onednn_linear(const Tensor& x, const Tensor& weight) {
  using Scalars = c10::List<std::optional<at::Scalar>>;
  using Signature = Tensor(const Tensor&, const Tensor&, const std::optional<Tensor>&, std::string_view, Scalars,
                           std::optional<std::string_view>);
  return dispatch<"mkldnn::_linear_pointwise", Signature>(x.contiguous(), weight.contiguous(), std::nullopt, "none",
                                                          Scalars(), "");
}

Tensor matrix_product(const Tensor& a, const Tensor& b) {
  return is_onednns(a) && a.is_contiguous() ? onednn_linear(a, b.t()) : a.mm(b);
}

}  // namespace infini::ops
