#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace infini {

/// A token id and its probability.
using Candidate = std::pair<int64_t, float>;

/// The nucleus of softmax(logits / temperature): the smallest set of most probable tokens whose probabilities reach
/// `top_p`, renormalised, most probable first (ties: the lower id first). logits [V]; computed in float32 on the CPU.
/// Throws std::runtime_error if a logit is not finite. (Holtzman et al., arXiv 1904.09751.)
std::vector<Candidate> nucleus(const torch::Tensor& logits, float temperature, float top_p);

/// Draws tokens. The same seed draws the same tokens on every machine.
class Sampler {
 public:
  /// Temperature 0 always takes the most probable token. top_p is in (0, 1]. Throws UserError for other values, and for
  /// values that float32 cannot hold.
  Sampler(double temperature, double top_p, uint64_t seed);

  /// logits [V] → a token id.
  int64_t sample(const torch::Tensor& logits);

 private:
  float temperature_, top_p_;
  std::mt19937_64 generator_;
};

}  // namespace infini
