// One segment into the memory, equations 4 and 5 of the paper:
//   linear  M + σ(k)ᵀ v                         delta  M + σ(k)ᵀ (v − σ(k) M / (σ(k) z))
//   norm    z + Σ_t σ(k_t)
// k [B,G,N,D], v [B,G,N,E], memory [B,G,D,E], norm [B,G,D] → (memory, norm) in the state's dtype.

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/checks.h"
#include "ops/internal.h"
#include "ops/refuse_double_backward.h"
#include "ops/sigma.h"

namespace infini::ops::writing {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;
using Forward = std::tuple<Tensor, Tensor>(const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                           std::string_view);
using Backward = std::tuple<Tensor, Tensor, Tensor, Tensor>(const OptionalTensor&, const OptionalTensor&, const Tensor&,
                                                            const Tensor&, const Tensor&, const Tensor&,
                                                            std::string_view);

void check_arguments(const Tensor& k, const Tensor& v, const Tensor& memory, const Tensor& norm,
                     std::string_view update) {
  parse_update(update, false);
  check_tensor(k, "k", 4, k);
  check_tensor(v, "v", 4, k);
  check_tensor(memory, "memory", 4, k);
  check_tensor(norm, "norm", 3, k);
  check_same_dtype(v, "v", k, "k");
  check_state(memory, norm);
  check_size(v, "v", 0, k.sym_size(0), "k's batch");
  check_size(v, "v", 1, k.sym_size(1), "k's heads");
  check_size(v, "v", 2, k.sym_size(2), "k's tokens");
  check_size(memory, "memory", 0, k.sym_size(0), "k's batch");
  check_size(memory, "memory", 1, k.sym_size(1), "k's heads");
  check_size(memory, "memory", 2, k.sym_size(3), "k's width");
  check_size(memory, "memory", 3, v.sym_size(3), "v's width");
}

std::tuple<Tensor, Tensor> forward(const Tensor& k, const Tensor& v, const Tensor& memory, const Tensor& norm,
                                   std::string_view update) {
  const auto dtype = state_dtype(k, memory);
  const auto memory_ = memory.to(dtype).contiguous(), norm_ = norm.to(dtype).contiguous();
  const auto sigma_k = sigma(k.to(dtype));
  auto written = v.to(dtype);
  if (update == "delta") {
    const auto scale = reciprocal_or_zero(sigma_k.matmul(norm_.unsqueeze(-1)));
    written = written - sigma_k.matmul(memory_) * scale;
  }
  return {memory_ + sigma_k.transpose(-1, -2).matmul(written), norm_ + sigma_k.sum(-2)};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> backward(const OptionalTensor& grad_memory, const OptionalTensor& grad_norm,
                                                    const Tensor& k, const Tensor& v, const Tensor& memory,
                                                    const Tensor& norm, std::string_view update) {
  const auto dtype = state_dtype(k, memory);
  const auto memory_ = memory.to(dtype).contiguous(), norm_ = norm.to(dtype).contiguous().unsqueeze(-1),
             x = k.to(dtype);
  const auto sigma_k = sigma(x);
  const auto transposed = sigma_k.transpose(-1, -2);
  auto dmemory = grad_memory ? grad_memory->to(dtype).contiguous() : at::zeros_like(memory_);
  auto dnorm = grad_norm ? grad_norm->to(dtype).contiguous() : at::zeros_like(norm_).squeeze(-1);
  auto written = v.to(dtype);
  const auto dwritten = sigma_k.matmul(dmemory);
  auto dsigma = dnorm.unsqueeze(-2).expand_symint(x.sym_sizes()).clone();
  if (update == "delta") {
    const auto scale = reciprocal_or_zero(sigma_k.matmul(norm_));
    const auto retrieved = sigma_k.matmul(memory_) * scale;
    written = written - retrieved;
    dsigma += written.matmul(dmemory.transpose(-1, -2));
    const auto dnumerator = -dwritten * scale;
    const auto ddenominator = (dwritten * retrieved).sum(-1, true) * scale;
    dsigma += dnumerator.matmul(memory_.transpose(-1, -2)) + ddenominator.matmul(norm_.transpose(-1, -2));
    dmemory = dmemory + transposed.matmul(dnumerator);
    dnorm = dnorm + transposed.matmul(ddenominator).squeeze(-1);
  } else {
    dsigma += written.matmul(dmemory.transpose(-1, -2));
    if (grad_memory) dmemory = dmemory.clone();
    if (grad_norm) dnorm = dnorm.clone();
  }
  auto dk = empty_in_layout_of(k, k.sym_size(3), k.scalar_type());
  auto dv = empty_in_layout_of(v, v.sym_size(3), v.scalar_type());
  dk.copy_(dsigma * sigma_derivative(x, sigma_k));
  dv.copy_(dwritten);
  return {dk, dv, dmemory.to(memory.scalar_type()), dnorm.to(norm.scalar_type())};
}

std::tuple<Tensor, Tensor> forward_meta(const Tensor& k, const Tensor& v, const Tensor& memory, const Tensor& norm,
                                        std::string_view update) {
  const auto dtype = state_dtype(k, memory);
  return {at::empty_symint(memory.sym_sizes(), memory.options().dtype(dtype)),
          at::empty_symint(norm.sym_sizes(), norm.options().dtype(dtype))};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> backward_meta(const OptionalTensor& grad_memory,
                                                         const OptionalTensor& grad_norm, const Tensor& k,
                                                         const Tensor& v, const Tensor& memory, const Tensor& norm,
                                                         std::string_view update) {
  return {empty_in_layout_of(k, k.sym_size(3), k.scalar_type()), empty_in_layout_of(v, v.sym_size(3), v.scalar_type()),
          at::empty_symint(memory.sym_sizes(), memory.options()), at::empty_symint(norm.sym_sizes(), norm.options())};
}

class MemoryUpdate : public torch::autograd::Function<MemoryUpdate> {
 public:
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context, const Tensor& k,
                                                const Tensor& v, const Tensor& memory, const Tensor& norm,
                                                std::string_view update) {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({k, v, memory, norm});
    context->saved_data["update"] = std::string(update);
    context->set_materialize_grads(false);
    auto [memory_out, norm_out] = dispatch<"infini::_memory_update_forward", Forward>(k, v, memory, norm, update);
    return {memory_out, norm_out};
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto optional = [](const Tensor& tensor) { return tensor.defined() ? OptionalTensor(tensor) : std::nullopt; };
    auto [dk, dv, dmemory, dnorm] = dispatch<"infini::_memory_update_backward", Backward>(
        optional(gradients[0]), optional(gradients[1]), saved[0], saved[1], saved[2], saved[3],
        std::string_view(context->saved_data["update"].toStringRef()));
    return {dk, dv, dmemory, dnorm, Tensor()};
  }
};

std::tuple<Tensor, Tensor> memory_update_autograd(const Tensor& k, const Tensor& v, const Tensor& memory,
                                                  const Tensor& norm, std::string_view update) {
  check_arguments(k, v, memory, norm, update);
  auto result = MemoryUpdate::apply(k, v, memory, norm, update);
  return {result[0], result[1]};
}

std::tuple<Tensor, Tensor> memory_update_kernel(const Tensor& k, const Tensor& v, const Tensor& memory,
                                                const Tensor& norm, std::string_view update) {
  check_arguments(k, v, memory, norm, update);
  return dispatch<"infini::_memory_update_forward", Forward>(k, v, memory, norm, update);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(infini, library) {
  library.def(
      "memory_update(Tensor k, Tensor v, Tensor memory, Tensor norm, str update) -> (Tensor memory, Tensor norm)");
  library.def(
      "_memory_update_forward(Tensor k, Tensor v, Tensor memory, Tensor norm, str update) -> (Tensor memory, "
      "Tensor norm)");
  library.def(
      "_memory_update_backward(Tensor? grad_memory, Tensor? grad_norm, Tensor k, Tensor v, Tensor memory, Tensor norm, "
      "str update) -> (Tensor dk, Tensor dv, Tensor dmemory, Tensor dnorm)");
}
TORCH_LIBRARY_IMPL(infini, Autograd, library) {
  library.impl("memory_update", memory_update_autograd);
  library.impl("_memory_update_backward", torch::CppFunction::makeFromBoxedFunction<&refuse_double_backward>());
}
TORCH_LIBRARY_IMPL(infini, CompositeExplicitAutograd, library) {
  library.impl("memory_update", memory_update_kernel);
  library.impl("_memory_update_forward", forward);
  library.impl("_memory_update_backward", backward);
}
TORCH_LIBRARY_IMPL(infini, Meta, library) {
  library.impl("memory_update", memory_update_kernel);
  library.impl("_memory_update_forward", forward_meta);
  library.impl("_memory_update_backward", backward_meta);
}

}  // namespace infini::ops::writing
