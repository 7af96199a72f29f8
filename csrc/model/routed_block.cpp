#include "model/routed_block.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "model/attention_observer.h"

namespace infini {

using torch::Tensor;

namespace {

constexpr int64_t kPredictorWidth = 64;

/// The segments of a pass. Between vectors of a decoder's own there is a single one.
std::vector<SegmentSpan> spans_of(const Pass& pass, int64_t tokens) {
  if (pass.surroundings == nullptr) return pass.segments.spans(tokens);
  const int64_t own = pass.surroundings->before + pass.surroundings->after;
  return {{pass.surroundings->before, tokens - own, true}};
}

Tensor range(int64_t begin, int64_t end, const Tensor& like) {
  return torch::arange(begin, end, torch::dtype(torch::kInt64).device(like.device())).expand({like.size(0), -1});
}

/// One row of the tensors of a state whose names begin with `prefix`.
ContextState row_of(const ContextState& state, const std::string& prefix, int64_t row) {
  ContextState result;
  for (const auto& [name, tensor] : state.tensors) {
    if (name.starts_with(prefix)) result.tensors[name] = {tensor.value.narrow(0, row, 1), tensor.differentiable};
  }
  return result;
}

void set_rows(ContextState& state, const std::vector<ContextState>& rows) {
  for (const auto& [name, tensor] : rows.front().tensors) {
    std::vector<Tensor> values;
    for (const ContextState& row : rows) values.push_back(row[name]);
    state[name] = torch::cat(values, 0);
  }
}

Surroundings row_of(const Surroundings& surroundings, int64_t row) {
  Surroundings result = surroundings;
  if (result.shown.defined()) result.shown = result.shown.narrow(0, row, 1);
  return result;
}

}  // namespace

RoutedBlock::RoutedBlock(const ModelConfig& config, int64_t layer, const torch::TensorOptions& options,
                         std::shared_ptr<LayerAttention> attention)
    : Block(config, options, std::move(attention)), layer_(layer), capacity_(config.depth.capacity) {
  const auto projection = [&](const char* name, int64_t in, int64_t out) {
    return register_module(name, std::make_shared<Projection>(in, out, /*bias=*/false, options));
  };
  router_ = projection("router", config.hidden_size, 1);
  predictor_ = projection("predictor", config.hidden_size, kPredictorWidth);
  predictor_output_ = projection("predictor_output", kPredictorWidth, 1);
}

bool is_routing_parameter(std::string_view name) {
  return name.ends_with(".router.weight") || name.ends_with(".predictor.weight") ||
         name.ends_with(".predictor_output.weight");
}

Tensor RoutedBlock::forward(const Tensor& x, ContextState& state, Pass& pass) const {
  if (pass.mode == PassMode::open_segment) return continue_segment(x, state, pass);
  return is_training() ? route_top(x, state, pass) : route_predicted(x, state, pass);
}

void RoutedBlock::memorize(const Tensor& x, ContextState& state, Pass& pass) const {
  Pass reading = pass;
  reading.mode = PassMode::segments;
  forward(x, state, reading);
}

int64_t RoutedBlock::kept(int64_t tokens) const {
  return std::max<int64_t>(1, std::llround(capacity_ * static_cast<double>(tokens)));
}

Tensor RoutedBlock::route_top(const Tensor& x, ContextState& state, Pass& pass) const {
  const int64_t tokens = x.size(1), length = pass.segments.length;
  const Tensor scores = router_->forward(x.detach()).squeeze(2);
  std::vector<Tensor> chosen;
  Pass inner = pass;
  inner.segments.lengths.clear();
  inner.segments.length = pass.surroundings == nullptr ? kept(length) : 0;
  for (const auto& [begin, count, full] : spans_of(pass, tokens)) {
    // A segment that is not full must not seem so to the attention.
    const int64_t most = full ? kept(count) : std::min(kept(count), inner.segments.length - 1);
    const Tensor largest = std::get<1>(scores.narrow(1, begin, count).topk(most, 1));
    chosen.push_back(std::get<0>(largest.sort(1)) + begin);
  }
  Tensor places = torch::cat(chosen, 1);
  if (torch::GradMode::is_enabled()) add_loss(x, places, pass);
  if (pass.surroundings != nullptr) {
    const int64_t after = pass.surroundings->after;
    places = torch::cat({range(0, pass.surroundings->before, x), places, range(tokens - after, tokens, x)}, 1);
    inner.segments.length = places.size(1);
  }
  const auto first_marks = [&](std::optional<Tensor>& marks) {
    const int64_t width = inner.segments.length, segments = (places.size(1) + width - 1) / width;
    if (marks) marks = marks->narrow(1, 0, segments);
  };
  first_marks(inner.segments.starts);
  first_marks(inner.segments.gain);
  inner.auxiliary_loss = pass.auxiliary_loss;
  const Tensor result = through(x, places, state, inner);
  pass.auxiliary_loss = inner.auxiliary_loss;
  return result;
}

Tensor RoutedBlock::through(const Tensor& x, const Tensor& places, ContextState& state, Pass& inner) const {
  if (places.size(1) == 0) return x;
  const Tensor index = places.unsqueeze(2).expand({-1, -1, x.size(2)});
  const Tensor taken = x.gather(1, index);
  Tensor weight = router_->forward(taken);
  if (inner.surroundings != nullptr) {
    const int64_t before = inner.surroundings->before, after = inner.surroundings->after;
    const Tensor tokens = weight.slice(1, before, weight.size(1) - after);
    const auto ones = [&](int64_t count) { return torch::ones({x.size(0), count, 1}, weight.options()); };
    weight = torch::cat({ones(before), tokens, ones(after)}, 1);
  }
  return x.scatter(1, index, taken + weight * (Block::forward(taken, state, inner) - taken));
}

Tensor RoutedBlock::predict(const Tensor& x) const {
  return predictor_output_->forward(torch::silu(predictor_->forward(x))).squeeze(2);
}

void RoutedBlock::add_loss(const Tensor& x, const Tensor& places, Pass& pass) const {
  const auto exact = x.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  const auto candidates = [&](const Tensor& of_tokens) {
    if (pass.surroundings == nullptr) return of_tokens;
    return of_tokens.slice(1, pass.surroundings->before, x.size(1) - pass.surroundings->after);
  };
  const Tensor logits = candidates(predict(x.detach())).to(exact);
  const Tensor among = candidates(torch::zeros({x.size(0), x.size(1)}, logits.options()).scatter(1, places, 1.0));
  const Tensor loss = torch::binary_cross_entropy_with_logits(logits, among, {}, {}, at::Reduction::Sum);
  pass.auxiliary_loss = pass.auxiliary_loss.defined() ? pass.auxiliary_loss + loss : loss;
  if (pass.observer != nullptr) pass.observer->observe_routing(layer_, logits.gt(0).eq(among.gt(0)));
}

Tensor RoutedBlock::route_predicted(const Tensor& x, ContextState& state, const Pass& pass) const {
  const Tensor chosen = goes_through(x, 0, x.size(1), pass);
  const std::optional<Tensor>& starts = pass.segments.starts;
  const Tensor begins = starts ? starts->to(torch::kCPU) : Tensor();
  std::vector<Tensor> outputs;
  std::vector<ContextState> states;
  for (int64_t row = 0; row < x.size(0); ++row) {
    outputs.push_back(x.narrow(0, row, 1));
    states.push_back(row_of(state, attention().state_prefix(), row));
    int64_t segment = 0;
    for (const auto& [begin, count, full] : spans_of(pass, x.size(1))) {
      if (begins.defined() && begins[row][segment].item<bool>()) empty(states.back(), x);
      Pass inner{.segments = {.gain = pass.segments.gain}, .rotary = pass.rotary};
      if (inner.segments.gain) inner.segments.gain = inner.segments.gain->narrow(0, row, 1).narrow(1, segment, 1);
      // The vectors around a segment belong to it.
      const bool alone = pass.surroundings != nullptr;
      const int64_t from = alone ? 0 : begin, to = alone ? x.size(1) : begin + count;
      const Tensor places = chosen[row].narrow(0, from, to - from).nonzero().flatten() + from;
      outputs.back() = read_chosen(outputs.back(), places, full, row, states.back(), inner, pass);
      ++segment;
    }
  }
  set_rows(state, states);
  return torch::cat(outputs, 0);
}

Tensor RoutedBlock::read_chosen(const Tensor& x, const Tensor& places, bool full, int64_t row, ContextState& state,
                                Pass& inner, const Pass& pass) const {
  if (places.size(0) == 0) return x;
  Surroundings around;
  if (pass.surroundings != nullptr) {
    around = row_of(*pass.surroundings, row);
    if (!full) around.after = 0;  // not there yet
    inner.surroundings = &around;
  }
  // A segment that is not full must not seem so to the attention.
  inner.segments.length = places.size(0) + (full ? 0 : 1);
  Tensor output = through(x, places.to(x.device()).unsqueeze(0), state, inner);
  inner.surroundings = nullptr;
  return output;
}

Tensor RoutedBlock::continue_segment(const Tensor& x, ContextState& state, const Pass& pass) const {
  const int64_t begin = state.open_tokens, end = begin + x.size(1);
  const bool full = end == pass.segments.length;
  // All inputs of the open segment so far, and which of them go through. The attention reads the latter anew whenever
  // another one joins: they are few.
  const auto extend = [&](const char* name, const Tensor& fresh) {
    ContextTensor& open = state.tensors[attention().state_prefix() + name];
    open.differentiable = false;
    open.value = begin == 0 ? fresh : torch::cat({open.value, fresh}, 1);
    return open.value;
  };
  const Tensor inputs = extend("routed_inputs", x);
  const Tensor chosen = extend("routed", goes_through(x, begin, end, pass)).to(torch::kCPU);
  std::vector<Tensor> outputs;
  std::vector<ContextState> states;
  for (int64_t row = 0; row < x.size(0); ++row) {
    states.push_back(row_of(state, attention().state_prefix(), row));
    const Tensor own = inputs.narrow(0, row, 1), places = chosen[row].nonzero().flatten();
    const bool joins = chosen[row].slice(0, begin).any().item<bool>();
    ContextState after = states.back();
    Pass inner{.rotary = pass.rotary};
    outputs.push_back((joins || full ? read_chosen(own, places, full, row, after, inner, pass) : own).slice(1, begin));
    if (full) states.back() = std::move(after);
  }
  set_rows(state, states);
  return torch::cat(outputs, 0);
}

Tensor RoutedBlock::goes_through(const Tensor& x, int64_t begin, int64_t end, const Pass& pass) const {
  const Tensor chosen = predict(x).gt(0);
  if (pass.surroundings == nullptr) return chosen;
  const Tensor place = torch::arange(begin, end, torch::dtype(torch::kInt64).device(x.device()));
  const int64_t behind = pass.segments.length - pass.surroundings->after;
  return chosen.bitwise_or(place.lt(pass.surroundings->before).bitwise_or(place.ge(behind)));
}

void RoutedBlock::empty(ContextState& row, const Tensor& x) const {
  const auto exact = x.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  ContextState empty;
  attention().add_empty_state(empty, 1, torch::dtype(exact).device(x.device()));
  for (auto& [name, tensor] : empty.tensors) row[name] = tensor.value;
}

}  // namespace infini
