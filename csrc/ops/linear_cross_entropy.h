#pragma once

#include <c10/core/DeviceType.h>

#include <cstdint>

namespace infini::ops {

/// The rows of hidden whose logits exist at once in `linear_cross_entropy`. On a CPU as many as keep their logits
/// (4 million, 16 MB in float) in its caches, but enough to make the product worth its while.
///
/// Elsewhere 4,096. Each block adds to the gradient of the weight [V,D], which takes 131 MB for 32,000 words of width
/// 1,024. On an H100 that is an eighth of the time of the block's products; with a CPU's 131 rows it would be four
/// times their time. The logits of a block take 524 MB in float.
int64_t rows_of_logits(c10::DeviceType device, int64_t vocabulary);

}  // namespace infini::ops
