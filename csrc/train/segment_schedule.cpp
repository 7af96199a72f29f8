#include "train/segment_schedule.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace infini {
namespace {

/// The part of a batch that one graph covers.
struct Chunk {
  torch::Tensor tokens, targets, weights;
  std::optional<torch::Tensor> starts, gain;
  int64_t begin = 0;
};

std::vector<Chunk> cut_into_chunks(const Batch& batch, int64_t segment_length, int64_t segments_per_chunk) {
  const int64_t tokens = batch.tokens.size(1);
  if (segment_length == 0) return {{batch.tokens, batch.targets, batch.weights, std::nullopt, std::nullopt, 0}};
  const int64_t chunk_length = segment_length * segments_per_chunk;
  std::vector<Chunk> chunks;
  for (int64_t begin = 0; begin < tokens; begin += chunk_length) {
    const int64_t length = std::min(chunk_length, tokens - begin);
    const int64_t segments = (length + segment_length - 1) / segment_length;
    Chunk chunk;
    chunk.tokens = batch.tokens.narrow(1, begin, length);
    chunk.targets = batch.targets.narrow(1, begin, length);
    chunk.begin = begin;
    if (batch.weights.defined()) chunk.weights = batch.weights.narrow(1, begin, length);
    if (batch.starts.defined()) chunk.starts = batch.starts.narrow(1, begin / segment_length, segments);
    if (batch.gain.defined()) chunk.gain = batch.gain.narrow(1, begin / segment_length, segments);
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

/// Room for `count` states like this one, all in a single block: smaller ones among the activations would leave the
/// heap in pieces, and memory in use would grow with the number of chunks by more than the states themselves.
MemoryState room_for(int64_t count, const MemoryState& like, BorderStates place) {
  const bool moves = place == BorderStates::host && like.memory.front().is_cuda();
  const auto options = like.memory.front().options();
  int64_t size = 0;
  for (const torch::Tensor& tensor : like.tensors()) size += count * tensor.numel();
  const torch::Tensor block = torch::empty({size}, moves ? options.device(torch::kCPU).pinned_memory(true) : options);

  int64_t taken = 0;
  const auto take = [&](const torch::Tensor& tensor) {
    std::vector<int64_t> sizes{count};
    sizes.insert(sizes.end(), tensor.sizes().begin(), tensor.sizes().end());
    const int64_t begin = std::exchange(taken, taken + count * tensor.numel());
    return block.slice(0, begin, taken).view(sizes);
  };
  MemoryState room;
  for (const torch::Tensor& memory : like.memory) room.memory.push_back(take(memory));
  for (const torch::Tensor& norm : like.norm) room.norm.push_back(take(norm));
  return room;
}

/// The memory before every chunk. Copies to pinned host memory are queued like kernels, and so are those back: nothing
/// waits for them.
std::vector<MemoryState> border_states(CausalLanguageModel& model, const std::vector<Chunk>& chunks,
                                       const MemoryState& initial, BorderStates place) {
  // Local attention alone writes nothing: every chunk begins with the same state, and no first pass is needed.
  if (model.config().memory.update == "none") return std::vector<MemoryState>(chunks.size(), initial.detached());

  const torch::NoGradGuard no_graph;
  const int64_t count = static_cast<int64_t>(chunks.size()) - 1;
  const MemoryState room = room_for(count, initial, place);
  std::vector<MemoryState> borders{initial.detached()};
  MemoryState current = initial;
  for (int64_t i = 0; i < count; ++i) {
    const Chunk& chunk = chunks[static_cast<size_t>(i)];
    current = model.forward(chunk.tokens, current, chunk.starts, chunk.gain).state;
    MemoryState& border = borders.emplace_back();
    for (size_t layer = 0; layer < current.memory.size(); ++layer) {
      border.memory.push_back(room.memory[layer].select(0, i).copy_(current.memory[layer], /*non_blocking=*/true));
      border.norm.push_back(room.norm[layer].select(0, i).copy_(current.norm[layer], /*non_blocking=*/true));
    }
  }
  return borders;
}

/// Backward pass of a chunk from its loss and, where the chunk after it handed one back, the gradient of its outgoing
/// memory.
void run_backward(const torch::Tensor& loss, const MemoryState& outgoing, const std::vector<torch::Tensor>& gradients) {
  std::vector<torch::Tensor> roots, root_gradients;
  if (loss.requires_grad()) {
    roots.push_back(loss);
    root_gradients.emplace_back();
  }
  const std::vector<torch::Tensor> states = outgoing.tensors();
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (!gradients[i].defined() || !states[i].requires_grad()) continue;
    roots.push_back(states[i]);
    root_gradients.push_back(gradients[i]);
  }
  if (!roots.empty()) torch::autograd::backward(roots, root_gradients);
}

}  // namespace

ScheduleResult run_schedule(CausalLanguageModel& model, const Batch& batch, const MemoryState& state,
                            int64_t target_count, const ScheduleOptions& options) {
  const std::vector<Chunk> chunks =
      cut_into_chunks(batch, model.config().memory.segment_length, options.segments_per_chunk);
  std::vector<MemoryState> borders = border_states(model, chunks, state, options.border_states);
  const double loss_scale = 1.0 / static_cast<double>(std::max<int64_t>(target_count, 1));

  ScheduleResult result;
  std::vector<torch::Tensor> outgoing_gradients;
  for (size_t i = chunks.size(); i-- > 0;) {
    const Chunk& chunk = chunks[i];
    // Nothing before the first chunk asks for a gradient of its incoming memory.
    const MemoryState incoming =
        borders.back().to(batch.tokens.device(), /*non_blocking=*/true).detached(/*requires_grad=*/i > 0);
    borders.pop_back();

    const ForwardResult forward = model.forward(chunk.tokens, incoming, chunk.starts, chunk.gain);
    const torch::Tensor loss = model.loss(forward.hidden, chunk.targets, chunk.weights) * loss_scale;
    run_backward(loss, forward.state, outgoing_gradients);
    if (batch.answers.defined()) {
      if (!result.answers) result.answers.emplace();
      result.answers->add(read_answers(model, forward.hidden, chunk.targets, batch.answers, chunk.begin));
    }

    result.loss = result.loss.defined() ? result.loss + loss.detach() : loss.detach();
    if (i + 1 == chunks.size()) {
      result.state = forward.state.detached();
      result.last_chunk_begin = chunk.begin;
      result.last_chunk_state = incoming.detached();
    }
    outgoing_gradients.clear();
    if (i > 0) {
      for (const torch::Tensor& tensor : incoming.tensors()) outgoing_gradients.push_back(tensor.grad());
    }
  }
  return result;
}

}  // namespace infini
