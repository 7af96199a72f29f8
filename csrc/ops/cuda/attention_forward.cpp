// rotate q and k · local attention · what each segment writes · the states before each segment · retrieve and gate

#include "ops/composed_attention.h"
#include "ops/cuda/aligned_arguments.h"
#include "ops/cuda/attention.h"
#include "ops/cuda/delta_update.h"
#include "ops/cuda/linear_update.h"
#include "ops/cuda/local_attention.h"
#include "ops/cuda/retrieve.h"
#include "ops/cuda/state_scan.h"

namespace infini::ops::cuda {
namespace {

using at::Tensor;

/// The state before each segment and after the last.
struct States {
  Tensor memory, norm, memories, norms, transitions;
};

template <typename T>
States write(const AlignedArguments& arguments, const Tensor& memory, const Tensor& norm, cudaStream_t stream) {
  const Extents& x = arguments.extents;
  const int64_t D = x.key_width, E = x.value_width;
  States states{plain_float(memory).clone(), plain_float(norm).clone(),
                at::empty({x.batch, x.groups, x.segments(), D, E}, arguments.state),
                at::empty({x.batch, x.groups, x.segments(), D}, arguments.state),
                at::empty({x.batch, x.groups, arguments.is_delta() ? x.full_segments() : 0, D, D}, arguments.state)};

  StateScanArguments memory_scan;
  memory_scan.extents = x;
  memory_scan.starts = pointer<bool>(arguments.starts);
  memory_scan.memories = pointer<float>(states.memories);
  memory_scan.memory_in = memory_scan.memory_out = pointer<float>(states.memory);
  StateScanArguments norm_scan = memory_scan;
  norm_scan.memories = norm_scan.memory_out = nullptr;
  norm_scan.memory_in = nullptr;
  norm_scan.norms = pointer<float>(states.norms);
  norm_scan.norm_in = norm_scan.norm_out = pointer<float>(states.norm);

  const auto k = heads_of<const T>(arguments.k), v = heads_of<const T>(arguments.v);
  const float* const gain = pointer<float>(arguments.gain);
  if (arguments.is_delta()) {
    launch_written_norm<T>({x, k, gain, norm_scan.norms}, stream);
    launch_state_scan(norm_scan, stream);
    memory_scan.transitions = pointer<float>(states.transitions);
    launch_delta_update<T>({x, k, v, gain, norm_scan.norms, memory_scan.memories, pointer<float>(states.transitions)},
                           stream);
  } else {
    launch_linear_update<T>({x, k, v, gain, memory_scan.memories, norm_scan.norms}, stream);
    memory_scan.norms = norm_scan.norms;
    memory_scan.norm_in = memory_scan.norm_out = norm_scan.norm_out;
  }
  launch_state_scan(memory_scan, stream);
  return states;
}

/// Without memory: the state passes through, emptied where a document starts.
States pass(const AlignedArguments& arguments, const Tensor& memory, const Tensor& norm) {
  const Extents& x = arguments.extents;
  States states{plain_float(memory).clone(), plain_float(norm).clone(),
                at::empty({x.batch, x.groups, 0, x.key_width, x.value_width}, arguments.state),
                at::empty({x.batch, x.groups, 0, x.key_width}, arguments.state),
                at::empty({x.batch, x.groups, 0, x.key_width, x.key_width}, arguments.state)};
  if (arguments.starts.defined()) {
    const Tensor starts = arguments.starts.any(1);
    states.memory.masked_fill_(starts.view({-1, 1, 1, 1}), 0);
    states.norm.masked_fill_(starts.view({-1, 1, 1}), 0);
  }
  return states;
}

/// As the op's outputs lie in memory; a copy only where `attended` lies otherwise.
Tensor in_layout_of(const Tensor& q, const Tensor& attended) {
  const Tensor local = empty_in_layout_of(q, attended.size(3), attended.scalar_type());
  return attended.strides() == local.strides() ? attended : local.copy_(attended);
}

}  // namespace

AttentionForward attention_forward(const AttentionArguments& inputs, cudaStream_t stream) {
  if (!has_kernels(inputs, state_dtype(inputs.q, inputs.memory))) return composed_attention_forward(inputs);
  const AlignedArguments arguments(inputs);
  const Extents& x = arguments.extents;
  return with_element(inputs.q.scalar_type(), [&](auto element) -> AttentionForward {
    using T = decltype(element);
    const auto [q, k] = rotated<T>(arguments, stream);
    const auto [attended, logsumexp] = local_attention(q, k, arguments.v, x.segment_length);
    const Tensor local = in_layout_of(inputs.q, attended);
    if (!arguments.reads_memory()) {
      const States states = pass(arguments, inputs.memory, inputs.norm);
      const Tensor nothing = at::empty({x.batch, x.heads, 0, x.value_width}, local.options());
      return {local, states.memory, states.norm, logsumexp, states.memories, states.norms, states.transitions, nothing};
    }
    const States states = write<T>(arguments, inputs.memory, inputs.norm, stream);
    const Tensor out = empty_in_layout_of(inputs.q, x.value_width, inputs.q.scalar_type());
    launch_retrieve<T>({x, heads_of<const T>(arguments.q), heads_of<const T>(local), pointer<float>(arguments.beta),
                        pointer<float>(states.memories), pointer<float>(states.norms), heads_of<T>(out)},
                       stream);
    return {out, states.memory, states.norm, logsumexp, states.memories, states.norms, states.transitions, local};
  });
}

}  // namespace infini::ops::cuda
