#pragma once

#include <ATen/core/Tensor.h>
#include <cuda_runtime_api.h>

#include <array>
#include <optional>
#include <tuple>

/// The internal ops `infini::_short_convolution_forward` and `infini::_short_convolution_backward`
/// (ops/short_convolution.cpp) by CUDA kernels on one stream, without a synchronisation. There are kernels for x in
/// float, bfloat16 or half and multiples of 4 channels. Anything else is composed of ATen's ops, and said once.
namespace infini::ops::cuda {

at::Tensor convolved_tokens(const at::Tensor& x, const at::Tensor& before, const at::Tensor& weight,
                            int64_t segment_length, const std::optional<at::Tensor>& starts, cudaStream_t stream);

std::tuple<at::Tensor, at::Tensor, at::Tensor> convolved_tokens_backward(
    const at::Tensor& grad, const at::Tensor& x, const at::Tensor& before, const at::Tensor& weight,
    int64_t segment_length, const std::optional<at::Tensor>& starts, std::array<bool, 3> needed, cudaStream_t stream);

}  // namespace infini::ops::cuda
