#pragma once

#include <cstdint>
#include <string_view>

#include "model/config.h"

namespace infini {

/// The sizes of one call of `infini::attention`.
struct AttentionSizes {
  int64_t rows = 1;             ///< B
  int64_t heads = 8;            ///< H, of the queries
  int64_t key_value_heads = 8;  ///< G
  int64_t tokens = 8192;        ///< N
  int64_t segment_length = 2048;
  int64_t key_width = 128;    ///< D
  int64_t value_width = 128;  ///< E
};

/// The least work that every implementation must do.
struct Work {
  double operations = 0;  ///< multiplications and additions of matrix products
  double bytes = 0;       ///< to and from memory at least; 0: not counted

  Work operator+(const Work& other) const { return {operations + other.operations, bytes + other.bytes}; }
};

/// The work of `attention` over N tokens, with a memory that is not empty. z counts as one more column of M:
///   local        for each query and each key that it sees: 2 D for the score, 2 E for the sum of the values
///   retrieval    for each query: 2 D (E + 1)
///   update       for each token of a full segment and KV head: 2 D (E + 1); twice that with delta, which also
///   retrieves
/// σ, softmax, rotation and gate are not counted. With the update "none" only local attention is.
/// Bytes: q, k, v, β, cos, sin, memory and norm are read once; out, memory and norm are written once. An element of q,
/// k, v and out has `element_bytes` bytes, all others have four.
Work attention_forward_work(const AttentionSizes& sizes, std::string_view update, int64_t element_bytes);

/// The backward pass takes twice the products of the forward pass, one for the gradient of each operand. Values that
/// are computed again do not count. Bytes: the inputs and the gradients of the three outputs are read once, the
/// gradients of the inputs are written once.
Work attention_backward_work(const AttentionSizes& sizes, std::string_view update, int64_t element_bytes);

/// The forward and backward pass of a model over `rows` sequences of `tokens` tokens. Every weight matrix, also the one
/// that maps to the vocabulary, takes 2 operations per element and token. These products and the attention of every
/// layer count three times: once forward, twice backward. Not counted are bytes, and the first pass, which finds the
/// memory at the chunk borders.
Work training_step_work(const ModelConfig& model, int64_t rows, int64_t tokens);

}  // namespace infini
