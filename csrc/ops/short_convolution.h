#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>
#include <tuple>

/// The short convolution as a composition of ATen's ops, slower than the kernels and with the same result: for the
/// dtypes and numbers of channels that no kernel was built for. Arguments as in short_convolution.cpp.
namespace infini::ops {

constexpr int64_t fewest_taps = 2, most_taps = 8;

at::Tensor composed_short_convolution(const at::Tensor& x, const at::Tensor& before, const at::Tensor& weight,
                                      int64_t segment_length, const std::optional<at::Tensor>& starts);

/// (dx, dbefore, dweight), each undefined where it is not needed.
std::tuple<at::Tensor, at::Tensor, at::Tensor> composed_short_convolution_backward(
    const at::Tensor& grad, const at::Tensor& x, const at::Tensor& before, const at::Tensor& weight,
    int64_t segment_length, const std::optional<at::Tensor>& starts, std::array<bool, 3> needed);

}  // namespace infini::ops
