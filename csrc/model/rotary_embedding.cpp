#include "model/rotary_embedding.h"

#include <cmath>

namespace infini {

RotaryEmbedding::Tables RotaryEmbedding::tables(int64_t length, torch::Device device, torch::Dtype dtype) {
  const torch::Dtype table_dtype = dtype == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  const bool fits = cached_.cos.defined() && cached_.cos.size(0) >= length && cached_.cos.device() == device &&
                    cached_.cos.scalar_type() == table_dtype;
  if (!fits) {
    // Decoding without segments needs one more row for every token: grow by doubling.
    const int64_t known = cached_.cos.defined() ? cached_.cos.size(0) : 0;
    const int64_t rows = length > known && known > 0 ? std::max(length, 2 * known) : length;
    // All in float64: a float32 angle is off by 1e-4 at position 2048.
    const auto options = torch::dtype(torch::kFloat64).device(device);
    const torch::Tensor position = torch::arange(rows, options);
    const torch::Tensor frequency =
        (torch::arange(0, head_dim_, 2, options) * (-std::log(theta_) / static_cast<double>(head_dim_))).exp();
    const torch::Tensor half = torch::outer(position, frequency);
    const torch::Tensor angle = torch::cat({half, half}, 1);
    cached_ = {angle.cos().to(table_dtype), angle.sin().to(table_dtype)};
  }
  return {cached_.cos.slice(0, 0, length), cached_.sin.slice(0, 0, length)};
}

}  // namespace infini
