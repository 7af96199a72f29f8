#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include "ops/cuda/attention.h"

namespace infini::ops::cuda {
namespace {

AttentionForward forward(const AttentionArguments& arguments) {
  const c10::cuda::CUDAGuard guard(arguments.q.device());
  return attention_forward(arguments, c10::cuda::getCurrentCUDAStream().stream());
}

AttentionBackward backward(const AttentionOutputGradients& gradients, const AttentionArguments& arguments,
                           const AttentionSaved& saved) {
  const c10::cuda::CUDAGuard guard(arguments.q.device());
  return attention_backward(gradients, arguments, saved, c10::cuda::getCurrentCUDAStream().stream());
}

}  // namespace

TORCH_LIBRARY_IMPL(infini, CUDA, library) {
  library.impl("_attention_forward", attention_schema::collected<forward>);
  library.impl("_attention_backward", attention_schema::collected_backward<backward>);
}

}  // namespace infini::ops::cuda
