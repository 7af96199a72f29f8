#pragma once

#include <torch/torch.h>

namespace infini {

/// The cosines and sines of rotary position embedding, in the rotate-half layout. Row t is for the angles t ·
/// theta^(−2i/D), i = 0 … D/2 − 1, each one twice. They are constants: not parameters, and not in a checkpoint.
class RotaryEmbedding {
 public:
  /// The first rows of both tables, [length, D] each.
  struct Tables {
    torch::Tensor cos, sin;
    Tables from(int64_t position) const { return {cos.slice(0, position), sin.slice(0, position)}; }
  };

  RotaryEmbedding(int64_t head_dim, double theta) : head_dim_(head_dim), theta_(theta) {}

  /// The tables for positions 0 … length − 1 on `device`, in float64 if `dtype` is float64, else in float32. They are
  /// kept until a call wants another device or dtype.
  Tables tables(int64_t length, torch::Device device, torch::Dtype dtype);

 private:
  int64_t head_dim_;
  double theta_;
  Tables cached_;
};

}  // namespace infini
