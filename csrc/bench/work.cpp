#include "bench/work.h"

#include <algorithm>

namespace infini {
namespace {

constexpr double kStateBytes = 4;  // size of one number of memory, norm, β, cos and sin

/// q, k and v.
double projected_elements(const AttentionSizes& sizes) {
  const double per_token = static_cast<double>(sizes.heads * sizes.key_width +
                                               sizes.key_value_heads * (sizes.key_width + sizes.value_width));
  return static_cast<double>(sizes.rows * sizes.tokens) * per_token;
}

double output_elements(const AttentionSizes& sizes) {
  return static_cast<double>(sizes.rows * sizes.tokens) * static_cast<double>(sizes.heads * sizes.value_width);
}

/// memory and norm.
double state_elements(const AttentionSizes& sizes) {
  return static_cast<double>(sizes.rows * sizes.key_value_heads * sizes.key_width * (sizes.value_width + 1));
}

double table_elements(const AttentionSizes& sizes) {
  return 2.0 * static_cast<double>(std::min(sizes.segment_length, sizes.tokens) * sizes.key_width);
}

/// The number of pairs of a query and a visible key, in one head of one row.
double visible_pairs(const AttentionSizes& sizes) {
  const auto triangle = [](int64_t n) { return static_cast<double>(n) * static_cast<double>(n + 1) / 2; };
  const int64_t full = sizes.tokens / sizes.segment_length, rest = sizes.tokens % sizes.segment_length;
  return static_cast<double>(full) * triangle(sizes.segment_length) + triangle(rest);
}

}  // namespace

Work attention_forward_work(const AttentionSizes& sizes, std::string_view update, int64_t element_bytes) {
  const double rows = static_cast<double>(sizes.rows);
  const double query_heads = rows * static_cast<double>(sizes.heads);
  const double key_value_heads = rows * static_cast<double>(sizes.key_value_heads);
  const double state = 2.0 * static_cast<double>(sizes.key_width * (sizes.value_width + 1));

  Work work;
  work.operations = query_heads * visible_pairs(sizes) * 2.0 * static_cast<double>(sizes.key_width + sizes.value_width);
  if (update != "none") {
    const auto written = static_cast<double>(sizes.tokens - sizes.tokens % sizes.segment_length);
    work.operations += query_heads * static_cast<double>(sizes.tokens) * state;
    work.operations += key_value_heads * written * state * (update == "delta" ? 2.0 : 1.0);
  }
  work.bytes = static_cast<double>(element_bytes) * (projected_elements(sizes) + output_elements(sizes)) +
               kStateBytes * (2.0 * state_elements(sizes) + table_elements(sizes) + static_cast<double>(sizes.heads));
  return work;
}

Work attention_backward_work(const AttentionSizes& sizes, std::string_view update, int64_t element_bytes) {
  Work work;
  work.operations = 2.0 * attention_forward_work(sizes, update, element_bytes).operations;
  work.bytes =
      static_cast<double>(element_bytes) * (2.0 * projected_elements(sizes) + output_elements(sizes)) +
      kStateBytes * (3.0 * state_elements(sizes) + table_elements(sizes) + 2.0 * static_cast<double>(sizes.heads));
  return work;
}

Work training_step_work(const ModelConfig& model, int64_t rows, int64_t tokens) {
  const int64_t query_width = model.num_attention_heads * model.head_dim;
  const int64_t key_width = model.num_key_value_heads * model.head_dim;
  const int64_t block =
      2 * model.hidden_size * (query_width + key_width) + 3 * model.hidden_size * model.intermediate_size;
  const double weights = static_cast<double>(model.num_hidden_layers * block + model.vocab_size * model.hidden_size);
  // A model without segments attends over the whole sequence.
  const int64_t segment_length = model.memory.segment_length > 0 ? model.memory.segment_length : tokens;
  const AttentionSizes sizes{
      rows,          model.num_attention_heads, model.num_key_value_heads, tokens, segment_length, model.head_dim,
      model.head_dim};
  const double attention =
      static_cast<double>(model.num_hidden_layers) * attention_forward_work(sizes, model.memory.update, 0).operations;
  return {3.0 * (2.0 * static_cast<double>(rows * tokens) * weights + attention), 0};
}

}  // namespace infini
