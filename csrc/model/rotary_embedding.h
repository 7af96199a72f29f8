#pragma once

#include <torch/torch.h>

namespace infini {

/// The cosines and sines of rotary position embedding in the rotate-half layout: row t holds the angles
/// t · theta^(−2i/D) for i = 0 … D/2 − 1, twice. Constants: neither parameters nor part of a checkpoint.
class RotaryEmbedding {
 public:
  /// The first rows of both tables, [length, D] each.
  struct Tables {
    torch::Tensor cos, sin;
    Tables from(int64_t position) const { return {cos.slice(0, position), sin.slice(0, position)}; }
  };

  RotaryEmbedding(int64_t head_dim, double theta) : head_dim_(head_dim), theta_(theta) {}

  /// Positions 0 … length − 1 on `device`, in float64 where `dtype` is float64, else in float32. Kept until another
  /// device or dtype is asked for.
  Tables tables(int64_t length, torch::Device device, torch::Dtype dtype);

 private:
  int64_t head_dim_;
  double theta_;
  Tables cached_;
};

}  // namespace infini
