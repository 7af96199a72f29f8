#include "model/autocompressor.h"

#include <algorithm>
#include <vector>

#include "model/layer_attention.h"
#include "model/segmentwise_attention.h"
#include "ops/ops.h"

namespace infini {

using torch::Tensor;

namespace {

/// The positions by which the places begin … end of [before; tokens; after] are rotated: a token's own, counted from
/// the first token, and 0 for the vectors around them.
Tensor angle_positions(int64_t begin, int64_t end, int64_t before, int64_t tokens, torch::Device device) {
  const Tensor place = torch::arange(begin - before, end - before, torch::dtype(torch::kInt64).device(device));
  return place * place.ge(0).bitwise_and(place.lt(tokens));
}

/// What the places from `begin` on see, [B, 1, count, begin + count]: all before them and themselves, except summaries
/// of other documents. `shown` [B, n]: which of the n summaries, which come first, belong to the row's own document.
Tensor visible_from(int64_t begin, int64_t count, const Tensor& shown) {
  const int64_t rows = shown.size(0), end = begin + count, summaries = std::min(end, shown.size(1));
  const Tensor causal = torch::ones({count, end}, shown.options()).tril(begin);
  const Tensor columns =
      torch::cat({shown.narrow(1, 0, summaries), torch::ones({rows, end - summaries}, shown.options())}, 1);
  return causal.bitwise_and(columns.view({rows, 1, 1, end})).bitwise_or(causal.triu(begin));
}

/// Causal attention inside a segment and the summaries around it, which have no position.
class SummaryAttention : public LayerAttention {
 public:
  using LayerAttention::LayerAttention;

  Tensor forward(const Tensor& x, ContextState& state, Pass& pass) const override {
    const auto [q, k, v] = project(x, state, pass);
    const Surroundings& around = *pass.surroundings;
    const bool open = pass.mode == PassMode::open_segment;
    const int64_t begin = open ? state.open_tokens : 0, end = begin + x.size(1);
    const int64_t tokens = (open ? pass.segments.length : end) - around.before - around.after;
    const Tensor place = angle_positions(begin, end, around.before, tokens, x.device());
    const auto tables = positions(std::max<int64_t>(tokens, 1), x, pass);
    const Tensor cos = tables.cos.index_select(0, place), sin = tables.sin.index_select(0, place);
    Tensor keys = ops::rotate(k, cos, sin), values = v;
    if (open) {
      keys = extend_open_segment("open_rotated_keys", keys, state, pass);
      values = extend_open_segment("open_values", values, state, pass);
    }
    return output(attend_where(visible_from(begin, x.size(1), around.shown), ops::rotate(q, cos, sin), keys, values));
  }
};

/// All summaries so far [B, n, hidden_size], in the dtype of the activations.
Tensor summaries_of(const ContextState& state, torch::Dtype dtype) {
  return torch::cat({state["summaries"], state["recent"]}, 1).to(dtype);
}

}  // namespace

AutocompressorDecoder::AutocompressorDecoder(const ModelConfig& config, const torch::TensorOptions& options)
    : Decoder(config, options,
              [&](int64_t layer) { return std::make_shared<SummaryAttention>(config, layer, options); }),
      summary_tokens_(register_parameter("summary_tokens",
                                         torch::empty({config.memory.summary_tokens, config.hidden_size}, options))) {}

Tensor AutocompressorDecoder::run_blocks(const Tensor& x, ContextState& state, Pass& pass) const {
  if (pass.mode == PassMode::open_segment) return continue_segment(x, state, pass);
  const int64_t vectors = summary_tokens_.size(0);
  const Tensor to_summarize = summary_tokens_.to(x.scalar_type()).expand({x.size(0), -1, -1});
  std::vector<Tensor> outputs;
  int64_t index = 0;
  for (const auto& [begin, count, full] : pass.segments.spans(x.size(1))) {
    if (const auto rows = pass.segments.rows_that_start(index++)) {
      state["summarized"] = state["summarized"].masked_fill(*rows, 0);
    }
    const Tensor summaries = summaries_of(state, x.scalar_type()), segment = x.narrow(1, begin, count);
    const int64_t before = summaries.size(1);
    const Tensor input =
        torch::cat(full ? std::vector{summaries, segment, to_summarize} : std::vector{summaries, segment}, 1);
    const Surroundings around{before, full ? vectors : 0, last_slots(state["summarized"] * vectors, before)};
    const Tensor output = run_segment(input, around, state, pass);
    outputs.push_back(output.narrow(1, before, count));
    if (full) accumulate(final_norm(output.narrow(1, before + count, vectors)), state);
  }
  return torch::cat(outputs, 1);
}

Tensor AutocompressorDecoder::continue_segment(const Tensor& x, ContextState& state, const Pass& pass) const {
  const int64_t vectors = summary_tokens_.size(0), begin = state.open_tokens, end = begin + x.size(1);
  const Tensor summaries = summaries_of(state, x.scalar_type());
  const int64_t before = summaries.size(1);
  const Surroundings around{before, vectors, last_slots(state["summarized"] * vectors, before)};
  const auto run_from = [&](int64_t position, const Tensor& input) {
    return continue_from(position, input, around, state, pass);
  };
  if (begin == 0 && before > 0) run_from(0, summaries);
  Tensor output = run_from(before + begin, x);
  if (end == pass.segments.length) {
    const Tensor to_summarize = summary_tokens_.to(x.scalar_type()).expand({x.size(0), -1, -1});
    accumulate(final_norm(run_from(before + end, to_summarize)), state);
  }
  return output;
}

void AutocompressorDecoder::accumulate(const Tensor& summary, ContextState& state) {
  Tensor &summaries = state["summaries"], &recent = state["recent"];
  recent = torch::cat({recent, summary.to(recent.scalar_type())}, 1);
  if (recent.size(1) > summary.size(1)) {  // two segments: their gradients stop here
    summaries = torch::cat({summaries, recent.detach()}, 1);
    recent = recent.detach().narrow(1, 0, 0);
  }
  state["summarized"] = state["summarized"] + 1;
}

ContextState AutocompressorDecoder::empty_state(int64_t rows, const torch::TensorOptions& options) const {
  const Tensor none = torch::zeros({rows, 0, summary_tokens_.size(1)}, options);
  ContextState state;
  state.tensors["summaries"] = {none, /*differentiable=*/false};
  state.tensors["recent"] = {none};
  state.tensors["summarized"] = {torch::zeros({rows}, options.dtype(torch::kInt64)), /*differentiable=*/false};
  return state;
}

std::shared_ptr<Decoder> make_autocompressor_decoder(const ModelConfig& config, const torch::TensorOptions& options) {
  return std::make_shared<AutocompressorDecoder>(config, options);
}

}  // namespace infini
