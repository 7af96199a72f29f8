#include "objective/example.h"

#include <algorithm>
#include <utility>

namespace infini {

Example::Example(std::vector<Part> parts, Filler filler, int64_t answer_length)
    : parts_(std::move(parts)), begins_{0}, filler_(std::move(filler)), answer_length_(answer_length) {
  for (const Part& part : parts_) {
    const int64_t length = part.filler_length + static_cast<int64_t>(part.tokens.size());
    if (part.evidence) evidence_.push_back({begins_.back(), begins_.back() + length});
    begins_.push_back(begins_.back() + length);
  }
}

void Example::read(int64_t begin, std::span<int64_t> out) const {
  const int64_t end = begin + static_cast<int64_t>(out.size());
  for (size_t i = 0; i < parts_.size(); ++i) {
    const int64_t from = std::max(begin, begins_[i]), to = std::min(end, begins_[i + 1]);
    if (from >= to) continue;
    const auto piece = out.subspan(static_cast<size_t>(from - begin), static_cast<size_t>(to - from));
    if (parts_[i].filler_length > 0) {
      filler_.read(parts_[i].filler_begin + from - begins_[i], piece);
    } else {
      std::copy_n(parts_[i].tokens.begin() + (from - begins_[i]), to - from, piece.begin());
    }
  }
}

}  // namespace infini
