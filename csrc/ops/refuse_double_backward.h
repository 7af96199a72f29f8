#pragma once

#include <ATen/core/boxing/KernelFunction.h>
#include <ATen/core/dispatch/Dispatcher.h>

namespace infini::ops {

/// The Autograd kernel of every internal backward op: runs the op, and gives its results a node that refuses to be
/// differentiated. Without it torch would only warn and return wrong second derivatives.
void refuse_double_backward(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack);

}  // namespace infini::ops
