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

/// What a piece of work asks for, whatever the implementation.
struct Work {
  double operations = 0;  ///< multiplications and additions of matrix products, two for each pair
  double bytes = 0;       ///< to and from memory at least; 0: not counted

  Work operator+(const Work& other) const { return {operations + other.operations, bytes + other.bytes}; }
};

/// `attention` over N tokens, with a memory that is not empty. Products counted, z as one more column of M:
///   local        each query and the keys of its segment up to itself: 2 D (scores) + 2 E (their sum over the values)
///   retrieval    each query and head: 2 D (E + 1)
///   update       each token of a full segment and KV head: 2 D (E + 1); with delta, which retrieves too, twice that
/// σ, softmax, rotation and gate are not counted. `update` "none": local alone.
/// Bytes: q, k, v, β, cos, sin, memory and norm read once, out, memory and norm written once; q, k, v, out take
/// `element_bytes` each, all others four.
Work attention_forward_work(const AttentionSizes& sizes, std::string_view update, int64_t element_bytes);

/// The backward pass: twice the forward's products, one for the gradient of each operand; what is computed again is not
/// counted. Bytes: the inputs and the three outputs' gradients read once, the inputs' gradients written once.
Work attention_backward_work(const AttentionSizes& sizes, std::string_view update, int64_t element_bytes);

/// Forward and backward pass of a model over `rows` sequences of `tokens` tokens: three times the products of every
/// weight matrix (2 an element and token, the one that maps to the vocabulary included) and of every layer's attention.
/// The forward pass that finds the memory at the chunk borders is not counted, nor are bytes.
Work training_step_work(const ModelConfig& model, int64_t rows, int64_t tokens);

}  // namespace infini
