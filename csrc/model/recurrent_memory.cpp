#include "model/recurrent_memory.h"

#include <vector>

#include "model/local_attention.h"

namespace infini {

using torch::Tensor;

RecurrentMemoryDecoder::RecurrentMemoryDecoder(const ModelConfig& config, const torch::TensorOptions& options)
    : Decoder(config, options, [&](int64_t layer) { return std::make_shared<LocalAttention>(config, layer, options); }),
      memory_tokens_(register_parameter("memory_tokens",
                                        torch::empty({config.memory.memory_tokens, config.hidden_size}, options))) {}

Tensor RecurrentMemoryDecoder::run_blocks(const Tensor& x, ContextState& state, Pass& pass) const {
  if (pass.mode == PassMode::open_segment) return continue_segment(x, state, pass);
  const int64_t vectors = memory_tokens_.size(0);
  std::vector<Tensor> outputs;
  int64_t index = 0;
  for (const auto& [begin, count, full] : pass.segments.spans(x.size(1))) {
    if (const auto rows = pass.segments.rows_that_start(index++)) {
      state["begun"] = state["begun"].bitwise_and(rows->bitwise_not());
    }
    const Tensor memory = memory_to_read(state, x.scalar_type()), segment = x.narrow(1, begin, count);
    // Attention is causal, so a segment that is not written does without the vectors behind it.
    const Tensor input = torch::cat(full ? std::vector{memory, segment, memory} : std::vector{memory, segment}, 1);
    const Surroundings around{vectors, full ? vectors : 0};
    const Tensor output = run_segment(input, around, state, pass);
    outputs.push_back(output.narrow(1, vectors, count));
    if (full) write(final_norm(output.narrow(1, vectors + count, vectors)), state);
  }
  return torch::cat(outputs, 1);
}

Tensor RecurrentMemoryDecoder::continue_segment(const Tensor& x, ContextState& state, const Pass& pass) const {
  const int64_t vectors = memory_tokens_.size(0), begin = state.open_tokens, end = begin + x.size(1);
  const Tensor memory = memory_to_read(state, x.scalar_type());
  const Surroundings around{vectors, vectors};
  const auto run_from = [&](int64_t position, const Tensor& input) {
    return continue_from(position, input, around, state, pass);
  };
  if (begin == 0) run_from(0, memory);
  Tensor output = run_from(vectors + begin, x);
  if (end == pass.segments.length) write(final_norm(run_from(vectors + end, memory)), state);
  return output;
}

Tensor RecurrentMemoryDecoder::memory_to_read(const ContextState& state, torch::Dtype dtype) const {
  const Tensor begun = state["begun"].view({-1, 1, 1}).to(dtype);
  return begun * state["memory"].to(dtype) + (1 - begun) * memory_tokens_.to(dtype);
}

void RecurrentMemoryDecoder::write(const Tensor& memory, ContextState& state) {
  state["memory"] = memory.to(state["memory"].scalar_type());
  state["begun"] = torch::ones_like(state["begun"]);
}

ContextState RecurrentMemoryDecoder::empty_state(int64_t rows, const torch::TensorOptions& options) const {
  ContextState state;
  state.tensors["memory"] = {torch::zeros({rows, memory_tokens_.size(0), memory_tokens_.size(1)}, options)};
  state.tensors["begun"] = {torch::zeros({rows}, options.dtype(torch::kBool)), /*differentiable=*/false};
  return state;
}

std::shared_ptr<Decoder> make_recurrent_memory_decoder(const ModelConfig& config, const torch::TensorOptions& options) {
  return std::make_shared<RecurrentMemoryDecoder>(config, options);
}

}  // namespace infini
