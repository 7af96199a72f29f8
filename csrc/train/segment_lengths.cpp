#include "train/segment_lengths.h"

namespace infini {

std::vector<int64_t> draw_segment_lengths(const torch::Tensor& starts, int64_t segment_length, int64_t shortest,
                                          DeterministicRandom& random) {
  const int64_t segments = starts.size(1), farthest = segment_length - shortest;
  const torch::Tensor begins = starts.any(0).contiguous();
  std::vector<int64_t> lengths(segments, segment_length);
  for (int64_t second = 1; second < segments; second += 2) {
    const int64_t moved =
        random.between(-farthest, farthest);  // drawn in any case: later pairs do not depend on starts
    if (begins.const_data_ptr<bool>()[second]) continue;
    lengths[second - 1] += moved;
    lengths[second] -= moved;
  }
  return lengths;
}

}  // namespace infini
