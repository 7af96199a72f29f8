// Retrieval: σ(q) M / (σ(q) z), equation 3 of the paper; 0 where the memory is empty.
// q [B,H,N,D], memory [B,G,D,E], norm [B,G,D] → [B,H,N,E] in q's dtype; each KV head's memory serves H/G query heads.

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/checks.h"
#include "ops/internal.h"
#include "ops/refuse_double_backward.h"
#include "ops/sigma.h"

namespace infini::ops::retrieval {
namespace {

using at::Tensor;
using Forward = Tensor(const Tensor&, const Tensor&, const Tensor&);
using Backward = std::tuple<Tensor, Tensor, Tensor>(const Tensor&, const Tensor&, const Tensor&, const Tensor&);

void check_arguments(const Tensor& q, const Tensor& memory, const Tensor& norm) {
  check_tensor(q, "q", 4, q);
  check_tensor(memory, "memory", 4, q);
  check_tensor(norm, "norm", 3, q);
  check_state(memory, norm);
  check_groups(q.sym_size(1), memory.sym_size(1), "q");
  check_size(memory, "memory", 0, q.sym_size(0), "q's batch");
  check_size(memory, "memory", 2, q.sym_size(3), "q's width");
}

Tensor forward(const Tensor& q, const Tensor& memory, const Tensor& norm) {
  const auto dtype = state_dtype(q, memory);
  const auto sigma_q = sigma(by_memory(q.to(dtype), memory.sym_size(1)));
  const auto scale = reciprocal_or_zero(sigma_q.matmul(norm.to(dtype).unsqueeze(-1)));
  auto out = empty_in_layout_of(q, memory.sym_size(3), q.scalar_type());
  out.copy_((sigma_q.matmul(memory.to(dtype)) * scale).view_symint(out.sym_sizes()));
  return out;
}

std::tuple<Tensor, Tensor, Tensor> backward(const Tensor& grad, const Tensor& q, const Tensor& memory,
                                            const Tensor& norm) {
  const auto dtype = state_dtype(q, memory);
  const auto groups = memory.sym_size(1);
  const auto x = by_memory(q.to(dtype), groups), dout = by_memory(grad.to(dtype), groups);
  const auto memory_ = memory.to(dtype), norm_ = norm.to(dtype).unsqueeze(-1);
  const auto sigma_q = sigma(x);
  const auto scale = reciprocal_or_zero(sigma_q.matmul(norm_));
  const auto dnumerator = dout * scale;
  const auto ddenominator = -(dnumerator * sigma_q.matmul(memory_)).sum(-1, true) * scale;
  const auto dsigma = dnumerator.matmul(memory_.transpose(-1, -2)) + ddenominator.matmul(norm_.transpose(-1, -2));
  auto dq = empty_in_layout_of(q, q.sym_size(3), q.scalar_type());
  dq.copy_((dsigma * sigma_derivative(x, sigma_q)).view_symint(q.sym_sizes()));
  const auto transposed = sigma_q.transpose(-1, -2);
  return {dq, transposed.matmul(dnumerator).to(memory.scalar_type()),
          transposed.matmul(ddenominator).squeeze(-1).to(norm.scalar_type())};
}

Tensor forward_meta(const Tensor& q, const Tensor& memory, const Tensor& norm) {
  return empty_in_layout_of(q, memory.sym_size(3), q.scalar_type());
}

std::tuple<Tensor, Tensor, Tensor> backward_meta(const Tensor& grad, const Tensor& q, const Tensor& memory,
                                                 const Tensor& norm) {
  return {empty_in_layout_of(q, q.sym_size(3), q.scalar_type()), at::empty_symint(memory.sym_sizes(), memory.options()),
          at::empty_symint(norm.sym_sizes(), norm.options())};
}

class MemoryRetrieve : public torch::autograd::Function<MemoryRetrieve> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& q, const Tensor& memory,
                        const Tensor& norm) {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({q, memory, norm});
    return dispatch<"infini::_memory_retrieve_forward", Forward>(q, memory, norm);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    auto [dq, dmemory, dnorm] =
        dispatch<"infini::_memory_retrieve_backward", Backward>(gradients[0], saved[0], saved[1], saved[2]);
    return {dq, dmemory, dnorm};
  }
};

Tensor memory_retrieve_autograd(const Tensor& q, const Tensor& memory, const Tensor& norm) {
  check_arguments(q, memory, norm);
  return MemoryRetrieve::apply(q, memory, norm);
}

Tensor memory_retrieve_kernel(const Tensor& q, const Tensor& memory, const Tensor& norm) {
  check_arguments(q, memory, norm);
  return dispatch<"infini::_memory_retrieve_forward", Forward>(q, memory, norm);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(infini, library) {
  library.def("memory_retrieve(Tensor q, Tensor memory, Tensor norm) -> Tensor");
  library.def("_memory_retrieve_forward(Tensor q, Tensor memory, Tensor norm) -> Tensor");
  library.def(
      "_memory_retrieve_backward(Tensor grad, Tensor q, Tensor memory, Tensor norm) -> (Tensor dq, Tensor dmemory, "
      "Tensor dnorm)");
}
TORCH_LIBRARY_IMPL(infini, Autograd, library) {
  library.impl("memory_retrieve", memory_retrieve_autograd);
  library.impl("_memory_retrieve_backward", torch::CppFunction::makeFromBoxedFunction<&refuse_double_backward>());
}
TORCH_LIBRARY_IMPL(infini, CompositeExplicitAutograd, library) {
  library.impl("memory_retrieve", memory_retrieve_kernel);
  library.impl("_memory_retrieve_forward", forward);
  library.impl("_memory_retrieve_backward", backward);
}
TORCH_LIBRARY_IMPL(infini, Meta, library) {
  library.impl("memory_retrieve", memory_retrieve_kernel);
  library.impl("_memory_retrieve_forward", forward_meta);
  library.impl("_memory_retrieve_backward", backward_meta);
}

}  // namespace infini::ops::retrieval
