#include "model/segmentwise_attention.h"

#include <algorithm>
#include <vector>

#include "ops/ops.h"

namespace infini {

using torch::Tensor;

void SegmentwiseAttention::add_kept(ContextState& state, const char* tensor, torch::IntArrayRef sizes,
                                    const torch::TensorOptions& options) const {
  state.tensors[state_name(tensor)] = {torch::zeros(sizes, options), /*differentiable=*/false};
}

Tensor SegmentwiseAttention::forward(const Tensor& x, ContextState& state, Pass& pass) const {
  const QueriesKeysValues tokens = project(x, state, pass);
  if (pass.mode == PassMode::open_segment) return output(continue_segment(x, tokens, state, pass));

  std::vector<Tensor> attended;
  int64_t index = 0;
  for (const auto& [begin, count, full] : pass.segments.spans(x.size(1))) {
    const SegmentTokens segment{x.narrow(1, begin, count),
                                {tokens.k.narrow(2, begin, count), tokens.v.narrow(2, begin, count)}};
    if (const auto rows = pass.segments.rows_that_start(index++)) forget(*rows, state);
    attended.push_back(attend(tokens.q.narrow(2, begin, count), segment.projected, state, pass));
    if (full) write(segment, state, pass);
  }
  return output(torch::cat(attended, 2));
}

void SegmentwiseAttention::memorize(const Tensor& x, ContextState& state, Pass& pass) const {
  const KeysAndValues tokens = project_keys_and_values(x, state, pass);
  int64_t index = 0;
  for (const auto& [begin, count, full] : pass.segments.spans(x.size(1))) {
    if (const auto rows = pass.segments.rows_that_start(index++)) forget(*rows, state);
    if (!full) break;
    write({x.narrow(1, begin, count), {tokens.k.narrow(2, begin, count), tokens.v.narrow(2, begin, count)}}, state,
          pass);
  }
}

Tensor SegmentwiseAttention::continue_segment(const Tensor& x, const QueriesKeysValues& tokens, ContextState& state,
                                              Pass& pass) const {
  const Tensor open_x = extend_open_segment("open_inputs", x.unsqueeze(1), state, pass).squeeze(1);
  const KeysAndValues open{extend_open_segment("open_keys", tokens.k, state, pass),
                           extend_open_segment("open_values", tokens.v, state, pass)};
  const Tensor attended = attend(tokens.q, open, state, pass);
  if (open_x.size(1) == pass.segments.length) write({open_x, open}, state, pass);
  return attended;
}

Tensor SegmentwiseAttention::attend_with_kept(const Tensor& q, const KeysAndValues& segment, const KeptTokens& kept,
                                              const Pass& pass) {
  const int64_t rows = q.size(0), count = q.size(2), tokens = segment.k.size(2), slots = kept.visible.size(1);
  const auto with_kept = [&](const Tensor& before, const Tensor& fresh) {
    return torch::cat({before.to(fresh.scalar_type()), fresh}, 2);
  };
  const RotaryEmbedding::Tables all = positions(slots + tokens, q, pass), last = all.from(slots + tokens - count);
  const Tensor k = ops::rotate(with_kept(kept.tokens.k, segment.k), all.cos, all.sin);
  const Tensor v = with_kept(kept.tokens.v, segment.v);
  const Tensor own = torch::ones({count, tokens}, kept.visible.options()).tril(tokens - count);
  const Tensor visible = torch::cat(
      {kept.visible.view({rows, 1, 1, slots}).expand({rows, 1, count, slots}), own.expand({rows, 1, count, tokens})},
      3);
  return attend_where(visible, ops::rotate(q, last.cos, last.sin), k, v);
}

Tensor pushed(const Tensor& queue, const Tensor& fresh) {
  const int64_t slots = queue.size(-2), count = std::min(slots, fresh.size(-2));
  const Tensor newest = fresh.detach().slice(-2, fresh.size(-2) - count).to(queue.scalar_type());
  return torch::cat({queue.slice(-2, count), newest}, -2);
}

Tensor last_slots(const Tensor& filled, int64_t slots) {
  const Tensor age = torch::arange(slots, 0, -1, filled.options());  // of the newest slot: 1
  return age.unsqueeze(0).le(filled.unsqueeze(1));
}

}  // namespace infini
