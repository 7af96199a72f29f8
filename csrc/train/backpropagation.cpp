#include "train/backpropagation.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace infini {
namespace {

using torch::Tensor;
using StateGradients = std::map<std::string, Tensor>;

/// The part of a batch that one graph covers.
struct Chunk {
  Tensor tokens, targets, weights;
  SegmentMarks marks = {};
  int64_t begin = 0;
  int64_t targets_begin = 0, targets_end = 0;  ///< other columns of the chunk have no target
};

/// The lengths of the segments of a batch. Without segments, the whole is one.
std::vector<int64_t> lengths_of_segments(const TrainingBatch& batch, int64_t segment_length) {
  if (!batch.segment_lengths.empty()) return batch.segment_lengths;
  const int64_t tokens = batch.tokens.size(1), length = segment_length == 0 ? tokens : segment_length;
  std::vector<int64_t> lengths(tokens / length, length);
  if (tokens % length > 0) lengths.push_back(tokens % length);
  return lengths;
}

std::vector<Chunk> cut_into_chunks(const TrainingBatch& batch, int64_t segment_length, int64_t segments_per_chunk) {
  const std::vector<int64_t> lengths = lengths_of_segments(batch, segment_length);
  const auto count = static_cast<int64_t>(lengths.size());
  std::vector<Chunk> chunks;
  int64_t begin = 0;
  for (int64_t first = 0; first < count; first += segments_per_chunk) {
    const auto from = lengths.begin() + first, to = lengths.begin() + std::min(first + segments_per_chunk, count);
    const int64_t length = std::accumulate(from, to, int64_t{0}), segments = to - from;
    const auto part = [&](const Tensor& whole) { return whole.defined() ? whole.narrow(1, begin, length) : whole; };
    Chunk chunk{.tokens = part(batch.tokens), .targets = part(batch.targets), .weights = part(batch.weights)};
    chunk.begin = begin;
    chunk.targets_begin = std::clamp<int64_t>(batch.targets_begin - begin, 0, length);
    chunk.targets_end = std::clamp<int64_t>(batch.targets_end - begin, chunk.targets_begin, length);
    if (segment_length > 0) {
      if (!batch.segment_lengths.empty()) chunk.marks.lengths.assign(from, to);
      if (batch.starts.defined()) chunk.marks.starts = batch.starts.narrow(1, first, segments);
      if (batch.gain.defined()) chunk.marks.gain = batch.gain.narrow(1, first, segments);
    }
    chunks.push_back(std::move(chunk));
    begin += length;
  }
  return chunks;
}

/// The states at the borders between chunks.
StateStore border_states(CausalLanguageModel& model, const std::vector<Chunk>& chunks, const ContextState& initial,
                         BorderStates place) {
  const torch::NoGradGuard no_graph;
  StateStore borders(static_cast<int64_t>(chunks.size()) - 1, place);
  ContextState current = initial;
  for (size_t i = 0; i + 1 < chunks.size(); ++i) {
    current = model.forward(chunks[i].tokens, current, chunks[i].marks).state;
    borders.push(current);
  }
  return borders;
}

bool has_gradient(const ContextState& state) {
  return std::ranges::any_of(state.tensors, [](const auto& named) { return named.second.differentiable; });
}

/// The loss of a chunk's targets.
Tensor chunk_loss(const CausalLanguageModel& model, const ForwardResult& forward, const Chunk& chunk) {
  const int64_t begin = chunk.targets_begin, count = chunk.targets_end - begin;
  if (count == 0) return torch::zeros({}, torch::device(chunk.tokens.device()));
  const auto part = [&](const Tensor& whole) { return whole.defined() ? whole.narrow(1, begin, count) : whole; };
  return model.loss(part(forward.hidden), part(chunk.targets), part(chunk.weights));
}

/// The backward pass of a chunk. It begins at the loss and at the gradient of the outgoing state.
void run_backward(const Tensor& loss, const ContextState& outgoing, const StateGradients& gradients) {
  std::vector<Tensor> roots, root_gradients;
  if (loss.requires_grad()) {
    roots.push_back(loss);
    root_gradients.emplace_back();
  }
  for (const auto& [name, gradient] : gradients) {
    if (!outgoing[name].requires_grad()) continue;
    roots.push_back(outgoing[name]);
    root_gradients.push_back(gradient);
  }
  if (!roots.empty()) torch::autograd::backward(roots, root_gradients);
}

void add_detached(Tensor& sum, const Tensor& value) { sum = sum.defined() ? sum + value.detach() : value.detach(); }

StateGradients gradients_of(const ContextState& incoming) {
  StateGradients gradients;
  for (const auto& [name, tensor] : incoming.tensors) {
    if (tensor.value.grad().defined()) gradients.emplace(name, tensor.value.grad());
  }
  return gradients;
}

}  // namespace

BackpropagationOptions backpropagation_options(const TrainConfig& config) {
  return {.segments_per_chunk = config.segments_per_chunk,
          .border_states = config.border_states == "host" ? BorderStates::host : BorderStates::device};
}

BackpropagationResult backpropagate(CausalLanguageModel& model, const TrainingBatch& batch, const ContextState& state,
                                    int64_t target_count, const BackpropagationOptions& options) {
  const std::vector<Chunk> chunks =
      cut_into_chunks(batch, model.config().memory.segment_length, options.segments_per_chunk);
  const double loss_scale = 1.0 / static_cast<double>(std::max<int64_t>(target_count, 1));

  BackpropagationResult result;
  // The forward and the backward pass of one chunk. Returns the gradients of its incoming state.
  const auto run = [&](size_t index, const ContextState& incoming, const StateGradients& outgoing_gradients) {
    const Chunk& chunk = chunks[index];
    const bool is_last = index + 1 == chunks.size();
    const ForwardResult forward =
        model.forward(chunk.tokens, incoming, chunk.marks, is_last ? options.observer : nullptr);
    const Tensor loss = chunk_loss(model, forward, chunk) * loss_scale;
    const Tensor auxiliary = forward.auxiliary_loss.defined() ? forward.auxiliary_loss * loss_scale : Tensor();
    run_backward(auxiliary.defined() ? loss + auxiliary : loss, forward.state, outgoing_gradients);

    add_detached(result.loss, loss);
    if (auxiliary.defined()) add_detached(result.auxiliary_loss, auxiliary);
    result.state = forward.state.detached();
    if (batch.answers.defined()) {
      if (!result.answers) result.answers.emplace();
      result.answers->add(read_answers(model, forward.hidden, chunk.targets, batch.answers, chunk.begin));
    }
    return gradients_of(incoming);
  };

  if (!has_gradient(state)) {
    result.state = state.detached();
    for (size_t i = 0; i < chunks.size(); ++i) run(i, ContextState(result.state), {});
    return result;
  }
  StateStore borders = border_states(model, chunks, state, options.border_states);
  StateGradients outgoing_gradients;
  ContextState last;
  for (size_t i = chunks.size(); i-- > 0;) {
    // The first chunk has no chunk before it that needs the gradient of its incoming state.
    const ContextState incoming =
        i > 0 ? borders.pop(batch.tokens.device()).detached(/*requires_grad=*/true) : state.detached();
    outgoing_gradients = run(i, incoming, outgoing_gradients);
    if (i + 1 == chunks.size()) last = result.state;
  }
  result.state = std::move(last);
  return result;
}

}  // namespace infini
