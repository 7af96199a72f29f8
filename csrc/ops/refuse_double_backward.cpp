#include "ops/refuse_double_backward.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/functions/basic_ops.h>
#include <torch/csrc/autograd/functions/utils.h>

namespace infini::ops {

void refuse_double_backward(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
  const auto arguments = torch::jit::last(*stack, op.schema().arguments().size());
  torch::autograd::variable_list inputs;
  for (const auto& argument : arguments) {
    if (argument.isTensor()) inputs.push_back(argument.toTensor());
  }
  const bool differentiated = torch::autograd::compute_requires_grad(inputs);
  {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    op.redispatchBoxed(keys & c10::after_autograd_keyset, stack);
  }
  if (!differentiated) return;
  const auto node = std::make_shared<torch::autograd::Error>(
      "infini's ops have a first derivative only, but a second one was asked for");
  node->set_next_edges(torch::autograd::collect_next_edges(inputs));
  for (auto result = stack->end() - static_cast<int64_t>(op.schema().returns().size()); result != stack->end();
       ++result) {
    torch::autograd::set_history(result->toTensor(), node);
  }
}

}  // namespace infini::ops
