#include "model/pass.h"

#include <algorithm>

namespace infini {

std::vector<SegmentSpan> Segments::spans(int64_t tokens) const {
  std::vector<SegmentSpan> spans;
  for (int64_t begin = 0; begin < tokens; begin += spans.back().count) {
    const int64_t whole = lengths.empty() ? length : lengths.at(spans.size());
    const int64_t count = std::min(whole, tokens - begin);
    spans.push_back({begin, count, count == whole});
  }
  return spans;
}

std::optional<torch::Tensor> Segments::rows_that_start(int64_t index) const {
  return starts ? std::optional(starts->select(1, index)) : std::nullopt;
}

}  // namespace infini
