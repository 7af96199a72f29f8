#include "model/short_convolution.h"

#include <algorithm>

#include "ops/ops.h"

namespace infini {

using torch::Tensor;

ShortConvolution::ShortConvolution(const ModelConfig& config, int64_t channels, const std::string& state_prefix,
                                   const std::string& name, const torch::TensorOptions& options)
    : carries_(config.memory.segment_length > 0),
      state_name_(state_prefix + name),
      open_name_(state_prefix + "open_" + name),
      weight_(register_parameter("weight", torch::empty({channels, 1, config.short_convolution}, options))) {}

Tensor ShortConvolution::forward(const Tensor& x, ContextState& state, const Pass& pass) const {
  if (pass.mode == PassMode::open_segment) return continue_segment(x, state, pass);
  const Tensor before = inputs_before(x, state).to(x.scalar_type());
  Tensor y = ops::short_convolution(x, before, weight_, pass.segments.length, pass.segments.document_starts);
  memorize(
      x.size(1), [&](int64_t begin, int64_t count) { return x.narrow(1, begin, count); }, state, pass);
  return y;
}

void ShortConvolution::memorize(int64_t tokens, const std::function<Tensor(int64_t begin, int64_t count)>& x,
                                ContextState& state, const Pass& pass) const {
  if (!carries_) return;
  const int64_t end = tokens / pass.segments.length * pass.segments.length;  // of the last full segment
  const int64_t count = std::min(earlier(), end);
  Tensor& before = state[state_name_];
  if (count > 0) before = last_inputs(before, x(end - count, count));
  before = without_other_documents(before, end, pass.segments);
}

Tensor ShortConvolution::continue_segment(const Tensor& x, ContextState& state, const Pass& pass) const {
  const Tensor before = state.open_tokens > 0 ? state[open_name_] : inputs_before(x, state);
  const Tensor last = last_inputs(before, x.slice(1, std::max<int64_t>(0, x.size(1) - earlier())));
  state.tensors[open_name_] = {last, /*differentiable=*/false, /*of_memory=*/false};
  if (state.open_tokens + x.size(1) == pass.segments.length) state[state_name_] = last;
  return ops::short_convolution(x, before.to(x.scalar_type()), weight_, x.size(1));
}

Tensor ShortConvolution::inputs_before(const Tensor& x, const ContextState& state) const {
  return carries_ ? state[state_name_] : torch::zeros({x.size(0), earlier(), x.size(2)}, x.options());
}

Tensor ShortConvolution::last_inputs(const Tensor& before, const Tensor& last) const {
  // A copy even if all are new, so that a state does not keep a whole pass's projections alive.
  return torch::cat({before.slice(1, last.size(1)), last.to(before.scalar_type())}, 1);
}

Tensor ShortConvolution::without_other_documents(const Tensor& inputs, int64_t end, const Segments& segments) const {
  if (!segments.document_starts) return inputs;
  const Tensor& starts = *segments.document_starts;
  const auto integers = starts.options().dtype(torch::kInt64);
  // Where each row's last document begins; before all inputs if none does.
  const Tensor begin = torch::arange(starts.size(1), integers) * segments.length;
  const Tensor first = std::get<0>(begin.unsqueeze(0).masked_fill(starts.bitwise_not(), end - earlier()).max(1));
  const Tensor place = torch::arange(end - earlier(), end, integers);
  return inputs.masked_fill(place.unsqueeze(0).lt(first.unsqueeze(1)).unsqueeze(2), 0);
}

void ShortConvolution::add_empty_state(ContextState& state, int64_t rows, const torch::TensorOptions& options) const {
  if (!carries_) return;
  state.tensors[state_name_] = {torch::zeros({rows, earlier(), weight_.size(0)}, options), /*differentiable=*/true,
                                /*of_memory=*/false};
}

}  // namespace infini
