#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "data/deterministic_random.h"

namespace infini {

/// Lengths of the segments of a batch, drawn for a training in which they vary. The border inside each pair of segments
/// moves by up to segment_length − shortest to either side, so a length is uniform between shortest and
/// 2 · segment_length − shortest, and every pair keeps its place. A border at which some row begins a document stays.
/// starts [B, S] (bool): the segments that begin a document.
std::vector<int64_t> draw_segment_lengths(const torch::Tensor& starts, int64_t segment_length, int64_t shortest,
                                          DeterministicRandom& random);

}  // namespace infini
