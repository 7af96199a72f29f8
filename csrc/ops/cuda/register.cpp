#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include "ops/checks.h"
#include "ops/cuda/attention.h"

namespace infini::ops::cuda {
namespace {

using at::Tensor;

/// What the CUDA kernels do not do. The CPU's take any even width, and double.
void check_supported(const Tensor& q, const Tensor& v, at::ScalarType state) {
  const auto dtype = q.scalar_type();
  TORCH_CHECK(dtype == at::kFloat || dtype == at::kBFloat16 || dtype == at::kHalf,
              "q must be float32, bfloat16 or float16 on CUDA, but is ", dtype);
  TORCH_CHECK(state == at::kFloat, "memory must be float32 on CUDA, but is ", state);
  const auto check_width = [](const Tensor& tensor, const char* name) {
    TORCH_CHECK(tensor.size(3) == 64 || tensor.size(3) == 128, name,
                " must have heads of width 64 or 128 on CUDA, but has shape ", tensor.sizes());
  };
  check_width(q, "q");
  check_width(v, "v");
}

AttentionForward forward(const AttentionArguments& arguments) {
  check_supported(arguments.q, arguments.v, state_dtype(arguments.q, arguments.memory));
  const c10::cuda::CUDAGuard guard(arguments.q.device());
  return attention_forward(arguments, c10::cuda::getCurrentCUDAStream().stream());
}

AttentionBackward backward(const AttentionOutputGradients& gradients, const AttentionArguments& arguments,
                           const AttentionSaved& saved) {
  check_supported(arguments.q, arguments.v, saved.logsumexp.scalar_type());
  const c10::cuda::CUDAGuard guard(arguments.q.device());
  return attention_backward(gradients, arguments, saved, c10::cuda::getCurrentCUDAStream().stream());
}

}  // namespace

TORCH_LIBRARY_IMPL(infini, CUDA, library) {
  library.impl("_attention_forward", attention_schema::collected<forward>);
  library.impl("_attention_backward", attention_schema::collected_backward<backward>);
}

}  // namespace infini::ops::cuda
