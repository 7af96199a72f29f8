// rotate q and k · local attention · what each segment writes · the states before each segment · retrieve and gate

#include "ops/cuda/attention_arguments.h"
#include "ops/cuda/delta_update.h"
#include "ops/cuda/linear_update.h"
#include "ops/cuda/local_attention.h"
#include "ops/cuda/retrieve.h"
#include "ops/cuda/rotate.h"
#include "ops/cuda/state_scan.h"
#include "ops/internal.h"

namespace infini::ops::cuda {
namespace {

using at::Tensor;

template <typename T>
std::tuple<Tensor, Tensor> attend(const AttentionArguments& arguments, cudaStream_t stream) {
  const Extents& x = arguments.extents;
  const Tensor q = empty_heads(arguments.q, x.heads, x.key_width), k = empty_heads(arguments.k, x.groups, x.key_width);
  RotateArguments<T> rotate;
  rotate.extents = x;
  rotate.q = heads_of<const T>(arguments.q);
  rotate.k = heads_of<const T>(arguments.k);
  rotate.cos = pointer<float>(arguments.cos);
  rotate.sin = pointer<float>(arguments.sin);
  rotate.q_rotated = heads_of<T>(q);
  rotate.k_rotated = heads_of<T>(k);
  launch_rotate(rotate, stream);
  return local_attention(q, k, arguments.v, x.segment_length);
}

/// The state before each segment and after the last.
struct States {
  Tensor memory, norm, memories, norms, transitions;
};

template <typename T>
States write(const AttentionArguments& arguments, const Tensor& memory, const Tensor& norm, cudaStream_t stream) {
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
States pass(const AttentionArguments& arguments, const Tensor& memory, const Tensor& norm) {
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

}  // namespace

AttentionForward attention_forward(const AttentionInputs& inputs, const Tensor& memory, const Tensor& norm,
                                   cudaStream_t stream) {
  const AttentionArguments arguments(inputs);
  const Tensor out = empty_in_layout_of(inputs.q, arguments.extents.value_width, inputs.q.scalar_type());
  return with_element(inputs.q.scalar_type(), [&](auto element) -> AttentionForward {
    using T = decltype(element);
    const auto [local, logsumexp] = attend<T>(arguments, stream);
    if (!arguments.reads_memory()) {
      const States states = pass(arguments, memory, norm);
      return {out.copy_(local), states.memory, states.norm, logsumexp, states.memories, states.norms,
              states.transitions};
    }
    const States states = write<T>(arguments, memory, norm, stream);
    RetrieveArguments<T> retrieve;
    retrieve.extents = arguments.extents;
    retrieve.q = heads_of<const T>(arguments.q);
    const Tensor aligned_local = with_aligned_rows(local);
    retrieve.local = heads_of<const T>(aligned_local);
    retrieve.beta = pointer<float>(arguments.beta);
    retrieve.memories = pointer<float>(states.memories);
    retrieve.norms = pointer<float>(states.norms);
    retrieve.out = heads_of<T>(out);
    launch_retrieve(retrieve, stream);
    return {out, states.memory, states.norm, logsumexp, states.memories, states.norms, states.transitions};
  });
}

}  // namespace infini::ops::cuda
