#include "train/state_store.h"

#include <utility>

namespace infini {
namespace {

/// In bytes. Every tensor begins at a multiple of this, which suits every dtype.
constexpr int64_t kAlignment = 64;

int64_t aligned_bytes(const torch::Tensor& tensor) {
  return (static_cast<int64_t>(tensor.nbytes()) + kAlignment - 1) / kAlignment * kAlignment;
}

int64_t bytes_of(const ContextState& state) {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : state.tensors) bytes += aligned_bytes(tensor.value);
  return bytes;
}

torch::Tensor empty_block(int64_t bytes, const ContextState& like, BorderStates place) {
  const torch::Device device = like.tensors.begin()->second.value.device();
  const bool moves = place == BorderStates::host && device.is_cuda();
  const auto options = torch::dtype(torch::kByte);
  return torch::empty({bytes}, moves ? options.pinned_memory(true) : options.device(device));
}

}  // namespace

void StateStore::push(const ContextState& state) {
  ContextState kept = state.detached();
  states_.push_back(kept);
  if (kept.tensors.empty()) return;

  const int64_t bytes = bytes_of(kept);
  if (!block_.defined()) {
    bytes_of_one_ = bytes;
    block_ = empty_block(count_ * bytes, kept, place_);
  }
  // A state that has grown does not fit into the block.
  const bool fits = bytes <= bytes_of_one_;
  const torch::Tensor block = fits ? block_ : empty_block(bytes, kept, place_);
  int64_t begin = fits ? (static_cast<int64_t>(states_.size()) - 1) * bytes_of_one_ : 0;
  for (auto& [name, tensor] : states_.back().tensors) {
    const torch::Tensor& value = tensor.value;
    const torch::Tensor room = block.narrow(0, begin, static_cast<int64_t>(value.nbytes()));
    begin += aligned_bytes(value);
    tensor.value = room.view(value.scalar_type()).view(value.sizes()).copy_(value, /*non_blocking=*/true);
  }
}

ContextState StateStore::pop(torch::Device device) {
  const ContextState state = std::move(states_.back());
  states_.pop_back();
  return state.to(device, /*non_blocking=*/true);
}

}  // namespace infini
