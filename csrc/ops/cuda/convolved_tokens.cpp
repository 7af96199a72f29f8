// The short convolution: tensors as its kernels take them.

#include "ops/cuda/convolved_tokens.h"

#include "ops/cuda/aligned_arguments.h"
#include "ops/cuda/short_convolution.h"
#include "ops/short_convolution.h"

namespace infini::ops::cuda {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

bool has_convolution_kernels(const Tensor& x) {
  const auto dtype = x.scalar_type();
  if ((dtype == at::kFloat || dtype == at::kBFloat16 || dtype == at::kHalf) && x.size(2) % 4 == 0) return true;
  TORCH_WARN_ONCE(
      "short_convolution has CUDA kernels for multiples of 4 channels in float32, bfloat16 and float16, not "
      "for ",
      x.size(2), " channels in ", dtype, ": it is composed of slower ops, with the same result");
  return false;
}

/// Contiguous, and at a multiple of 16 bytes.
Tensor aligned(const Tensor& tensor) {
  const Tensor contiguous = tensor.contiguous();
  return reinterpret_cast<uintptr_t>(contiguous.data_ptr()) % 16 == 0 ? contiguous : contiguous.clone();
}

/// x, before, the taps [w, C] and the starts.
struct AlignedTokens {
  Tensor x, before, taps, starts;
  ConvolutionExtents extents;

  AlignedTokens(const Tensor& x, const Tensor& before, const Tensor& weight, int64_t segment_length,
                const OptionalTensor& starts)
      : x(aligned(x)),
        before(aligned(before)),
        taps(plain_float(weight.squeeze(1).t())),
        extents{x.size(0), x.size(1), x.size(2), weight.size(2), segment_length} {
    if (starts) this->starts = starts->contiguous();
  }
};

}  // namespace

Tensor convolved_tokens(const Tensor& x, const Tensor& before, const Tensor& weight, int64_t segment_length,
                        const OptionalTensor& starts, cudaStream_t stream) {
  if (!has_convolution_kernels(x)) return composed_short_convolution(x, before, weight, segment_length, starts);
  const AlignedTokens tokens(x, before, weight, segment_length, starts);
  const Tensor y = at::empty(x.sizes(), x.options());
  with_element(x.scalar_type(), [&](auto element) {
    using T = decltype(element);
    launch_short_convolution<T>({tokens.extents, pointer<T>(tokens.x), pointer<T>(tokens.before),
                                 pointer<float>(tokens.taps), pointer<bool>(tokens.starts), pointer<T>(y)},
                                stream);
  });
  return y;
}

std::tuple<Tensor, Tensor, Tensor> convolved_tokens_backward(const Tensor& grad, const Tensor& x, const Tensor& before,
                                                             const Tensor& weight, int64_t segment_length,
                                                             const OptionalTensor& starts, std::array<bool, 3> needed,
                                                             cudaStream_t stream) {
  if (!has_convolution_kernels(x)) {
    return composed_short_convolution_backward(grad, x, before, weight, segment_length, starts, needed);
  }
  const AlignedTokens tokens(x, before, weight, segment_length, starts);
  const ConvolutionExtents& extents = tokens.extents;
  const Tensor dy = aligned(grad);
  Tensor dx, dbefore, dtaps, dweight;
  if (needed[0] || needed[1]) {
    dx = at::empty(x.sizes(), x.options());
    dbefore = at::empty(before.sizes(), before.options());
  }
  if (needed[2]) {
    dtaps = at::empty({extents.batch * convolution_pieces(extents), extents.width, extents.channels},
                      tokens.taps.options());
  }
  with_element(x.scalar_type(), [&](auto element) {
    using T = decltype(element);
    launch_short_convolution_backward<T>(
        {extents, pointer<T>(dy), pointer<T>(tokens.x), pointer<T>(tokens.before), pointer<float>(tokens.taps),
         pointer<bool>(tokens.starts), pointer<T>(dx), pointer<T>(dbefore), pointer<float>(dtaps)},
        stream);
  });
  if (needed[2]) dweight = dtaps.sum(0).t().unsqueeze(1).to(weight.scalar_type()).contiguous();
  return {needed[0] ? dx : Tensor(), needed[1] ? dbefore : Tensor(), dweight};
}

}  // namespace infini::ops::cuda
