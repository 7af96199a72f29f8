#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include "ops/cuda/attention.h"
#include "ops/cuda/convolved_tokens.h"

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

at::Tensor convolution_forward(const at::Tensor& x, const at::Tensor& before, const at::Tensor& weight,
                               int64_t segment_length, const std::optional<at::Tensor>& starts) {
  const c10::cuda::CUDAGuard guard(x.device());
  return convolved_tokens(x, before, weight, segment_length, starts, c10::cuda::getCurrentCUDAStream().stream());
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> convolution_backward(const at::Tensor& grad, const at::Tensor& x,
                                                                    const at::Tensor& before, const at::Tensor& weight,
                                                                    int64_t segment_length,
                                                                    const std::optional<at::Tensor>& starts,
                                                                    std::array<bool, 3> needed) {
  const c10::cuda::CUDAGuard guard(x.device());
  return convolved_tokens_backward(grad, x, before, weight, segment_length, starts, needed,
                                   c10::cuda::getCurrentCUDAStream().stream());
}

}  // namespace

TORCH_LIBRARY_IMPL(infini, CUDA, library) {
  library.impl("_attention_forward", attention_schema::collected<forward>);
  library.impl("_attention_backward", attention_schema::collected_backward<backward>);
  library.impl("_short_convolution_forward", convolution_forward);
  library.impl("_short_convolution_backward", convolution_backward);
}

}  // namespace infini::ops::cuda
