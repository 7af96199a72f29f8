#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include "ops/checks.h"
#include "ops/cuda/attention.h"

namespace infini::ops::cuda {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

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

AttentionForward forward(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& beta, const Tensor& memory,
                         const Tensor& norm, const Tensor& cos, const Tensor& sin, int64_t segment_length,
                         std::string_view update, const OptionalTensor& starts, const OptionalTensor& gain) {
  check_supported(q, v, state_dtype(q, memory));
  const c10::cuda::CUDAGuard guard(q.device());
  return attention_forward({q, k, v, beta, cos, sin, segment_length, update, starts, gain}, memory, norm,
                           c10::cuda::getCurrentCUDAStream().stream());
}

AttentionBackward backward(const OptionalTensor& dout, const OptionalTensor& dmemory, const OptionalTensor& dnorm,
                           const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& beta, const Tensor& cos,
                           const Tensor& sin, int64_t segment_length, std::string_view update,
                           const OptionalTensor& starts, const OptionalTensor& gain, const Tensor& local,
                           const Tensor& logsumexp, const Tensor& memories, const Tensor& norms,
                           const Tensor& transitions) {
  check_supported(q, v, logsumexp.scalar_type());
  const c10::cuda::CUDAGuard guard(q.device());
  return attention_backward(dout, dmemory, dnorm, {q, k, v, beta, cos, sin, segment_length, update, starts, gain},
                            {local, logsumexp, memories, norms, transitions},
                            c10::cuda::getCurrentCUDAStream().stream());
}

}  // namespace

TORCH_LIBRARY_IMPL(infini, CUDA, library) {
  library.impl("_attention_forward", forward);
  library.impl("_attention_backward", backward);
}

}  // namespace infini::ops::cuda
