// The gate, equation 10 of the paper: sigmoid(β) A_mem + (1 − sigmoid(β)) A_dot; where the memory is empty (norm all
// zero for that row and KV head), A_dot alone. local, retrieved [B,H,N,E], beta [H], norm [B,G,D] → [B,H,N,E].

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/checks.h"
#include "ops/internal.h"
#include "ops/refuse_double_backward.h"
#include "ops/sigma.h"

namespace infini::ops::gating {
namespace {

using at::Tensor;
using Forward = Tensor(const Tensor&, const Tensor&, const Tensor&, const Tensor&);
using Backward = std::tuple<Tensor, Tensor, Tensor>(const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                                    const Tensor&);

void check_arguments(const Tensor& local, const Tensor& retrieved, const Tensor& beta, const Tensor& norm) {
  check_tensor(local, "local", 4, local);
  check_tensor(retrieved, "retrieved", 4, local);
  check_tensor(beta, "beta", 1, local);
  check_tensor(norm, "norm", 3, local);
  check_same_dtype(retrieved, "retrieved", local, "local");
  check_norm(norm);
  TORCH_CHECK(retrieved.sym_sizes() == local.sym_sizes(), "retrieved must have local's shape ", local.sym_sizes(),
              ", but has ", retrieved.sym_sizes());
  check_groups(local.sym_size(1), norm.sym_size(1), "local");
  check_size(beta, "beta", 0, local.sym_size(1), "local's heads");
  check_size(norm, "norm", 0, local.sym_size(0), "local's batch");
}

/// sigmoid(β), 0 where the memory is empty: [B, H, 1, 1].
Tensor effective_gate(const Tensor& beta, const Tensor& norm, at::ScalarType dtype) {
  const auto written = norm.ne(0).any(-1).repeat_interleave_symint(beta.sym_size(0) / norm.sym_size(1), 1);
  return (beta.to(dtype).sigmoid().unsqueeze(0) * written).unsqueeze(-1).unsqueeze(-1);
}

Tensor forward(const Tensor& local, const Tensor& retrieved, const Tensor& beta, const Tensor& norm) {
  const auto dtype = state_dtype(local, norm);
  const auto local_ = local.to(dtype);
  auto out = empty_in_layout_of(local, local.sym_size(3), local.scalar_type());
  out.copy_(local_ + effective_gate(beta, norm, dtype) * (retrieved.to(dtype) - local_));
  return out;
}

std::tuple<Tensor, Tensor, Tensor> backward(const Tensor& grad, const Tensor& local, const Tensor& retrieved,
                                            const Tensor& beta, const Tensor& norm) {
  const auto dtype = state_dtype(local, norm);
  const auto gate = effective_gate(beta, norm, dtype);
  const auto dout = grad.to(dtype);
  auto dlocal = empty_in_layout_of(local, local.sym_size(3), local.scalar_type());
  auto dretrieved = empty_in_layout_of(retrieved, local.sym_size(3), local.scalar_type());
  dlocal.copy_(dout * (1 - gate));
  dretrieved.copy_(dout * gate);
  const auto difference = (dout * (retrieved.to(dtype) - local.to(dtype))).sum({-1, -2}, true);
  return {dlocal, dretrieved,
          (difference * gate * (1 - gate)).sum(0).view_symint(beta.sym_sizes()).to(beta.scalar_type())};
}

Tensor forward_meta(const Tensor& local, const Tensor& retrieved, const Tensor& beta, const Tensor& norm) {
  return empty_in_layout_of(local, local.sym_size(3), local.scalar_type());
}

std::tuple<Tensor, Tensor, Tensor> backward_meta(const Tensor& grad, const Tensor& local, const Tensor& retrieved,
                                                 const Tensor& beta, const Tensor& norm) {
  return {empty_in_layout_of(local, local.sym_size(3), local.scalar_type()),
          empty_in_layout_of(retrieved, local.sym_size(3), local.scalar_type()),
          at::empty_symint(beta.sym_sizes(), beta.options())};
}

class MemoryCombine : public torch::autograd::Function<MemoryCombine> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& local, const Tensor& retrieved,
                        const Tensor& beta, const Tensor& norm) {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({local, retrieved, beta, norm});
    return dispatch<"infini::_memory_combine_forward", Forward>(local, retrieved, beta, norm);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    auto [dlocal, dretrieved, dbeta] =
        dispatch<"infini::_memory_combine_backward", Backward>(gradients[0], saved[0], saved[1], saved[2], saved[3]);
    // The norm only decides whether the memory is empty.
    return {dlocal, dretrieved, dbeta, at::zeros_like(saved[3])};
  }
};

Tensor memory_combine_autograd(const Tensor& local, const Tensor& retrieved, const Tensor& beta, const Tensor& norm) {
  check_arguments(local, retrieved, beta, norm);
  return MemoryCombine::apply(local, retrieved, beta, norm);
}

Tensor memory_combine_kernel(const Tensor& local, const Tensor& retrieved, const Tensor& beta, const Tensor& norm) {
  check_arguments(local, retrieved, beta, norm);
  return dispatch<"infini::_memory_combine_forward", Forward>(local, retrieved, beta, norm);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(infini, library) {
  library.def("memory_combine(Tensor local, Tensor retrieved, Tensor beta, Tensor norm) -> Tensor");
  library.def("_memory_combine_forward(Tensor local, Tensor retrieved, Tensor beta, Tensor norm) -> Tensor");
  library.def(
      "_memory_combine_backward(Tensor grad, Tensor local, Tensor retrieved, Tensor beta, Tensor norm) -> "
      "(Tensor dlocal, Tensor dretrieved, Tensor dbeta)");
}
TORCH_LIBRARY_IMPL(infini, Autograd, library) {
  library.impl("memory_combine", memory_combine_autograd);
  library.impl("_memory_combine_backward", torch::CppFunction::makeFromBoxedFunction<&refuse_double_backward>());
}
TORCH_LIBRARY_IMPL(infini, CompositeExplicitAutograd, library) {
  library.impl("memory_combine", memory_combine_kernel);
  library.impl("_memory_combine_forward", forward);
  library.impl("_memory_combine_backward", backward);
}
TORCH_LIBRARY_IMPL(infini, Meta, library) {
  library.impl("memory_combine", memory_combine_kernel);
  library.impl("_memory_combine_forward", forward_meta);
  library.impl("_memory_combine_backward", backward_meta);
}

}  // namespace infini::ops::gating
