// The gradient of retrieval and gate · local attention, last to first · the states, last segment to first · what each
// segment writes · the rotation of q and k

#include "ops/composed_attention.h"
#include "ops/cuda/aligned_arguments.h"
#include "ops/cuda/attention.h"
#include "ops/cuda/delta_update_backward.h"
#include "ops/cuda/local_attention.h"
#include "ops/cuda/retrieve_backward.h"
#include "ops/cuda/rotate.h"
#include "ops/cuda/state_scan_backward.h"
#include "ops/cuda/update_backward.h"

namespace infini::ops::cuda {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

/// What retrieval and gate send on. Undefined where nothing was read.
struct ReadGradients {
  Tensor dlocal, dmemories, dnorms, dbetas;
};

/// Writes dq through the memory.
template <typename T>
ReadGradients retrieve_backward(const AlignedArguments& arguments, const AttentionSaved& saved, const Tensor& dout,
                                const Tensor& dq, cudaStream_t stream) {
  const Extents& x = arguments.extents;
  const int64_t pieces = pieces_per_segment(x), D = x.key_width, E = x.value_width;
  const Tensor local = with_aligned_rows(saved.local);
  ReadGradients gradients{empty_heads(dout, x.heads, E),
                          at::empty({x.batch, x.heads, x.segments(), pieces, D, E}, arguments.state),
                          at::empty({x.batch, x.heads, x.segments(), pieces, D}, arguments.state),
                          at::empty({x.batch, x.heads, x.segments(), pieces}, arguments.state)};
  RetrieveBackwardArguments<T> retrieve;
  retrieve.extents = x;
  retrieve.q = heads_of<const T>(arguments.q);
  retrieve.local = heads_of<const T>(local);
  retrieve.dout = heads_of<const T>(dout);
  retrieve.beta = pointer<float>(arguments.beta);
  retrieve.memories = pointer<float>(saved.memories);
  retrieve.norms = pointer<float>(saved.norms);
  retrieve.dq = heads_of<T>(dq);
  retrieve.dlocal = heads_of<T>(gradients.dlocal);
  retrieve.dmemories = pointer<float>(gradients.dmemories);
  retrieve.dnorms = pointer<float>(gradients.dnorms);
  retrieve.dbetas = pointer<float>(gradients.dbetas);
  launch_retrieve_backward(retrieve, stream);
  return gradients;
}

/// The gradients of rotated q and rotated k, and of v, through local attention.
template <typename T>
std::tuple<Tensor, Tensor, Tensor> attend_backward(const AlignedArguments& arguments, const AttentionSaved& saved,
                                                   const Tensor& dlocal, cudaStream_t stream) {
  const auto [q, k] = rotated<T>(arguments, stream);
  const auto [dq, dk, dv] = local_attention_backward(dlocal, q, k, arguments.v, saved.local, saved.logsumexp,
                                                     arguments.extents.segment_length);
  return {with_aligned_rows(dq), with_aligned_rows(dk), with_aligned_rows(dv)};
}

/// The gradient of the states: of those before the first segment, and what the backward pass of writing needs.
struct StateGradients {
  Tensor dmemory, dnorm, dmemories_after, dnorms_after, couplings, weights;
};

template <typename T>
StateGradients state_backward(const AlignedArguments& arguments, const AttentionSaved& saved, const ReadGradients& read,
                              const AttentionOutputGradients& outputs, cudaStream_t stream) {
  const Extents& x = arguments.extents;
  const int64_t D = x.key_width, E = x.value_width, full = x.full_segments(), pieces = pieces_per_segment(x);
  const auto empty = [&](at::IntArrayRef shape) { return at::empty(shape, arguments.state); };
  StateGradients gradients{empty({x.batch, x.groups, D, E}),
                           empty({x.batch, x.groups, D}),
                           empty({x.batch, x.groups, full, D, E}),
                           empty({x.batch, x.groups, full, D}),
                           Tensor(),
                           Tensor()};
  const Tensor dmemory_out = outputs.memory ? plain_float(*outputs.memory) : Tensor();
  const Tensor dnorm_out = outputs.norm ? plain_float(*outputs.norm) : Tensor();

  StateScanBackwardArguments memory_scan;
  memory_scan.extents = x;
  memory_scan.starts = pointer<bool>(arguments.starts);
  memory_scan.dmemories = pointer<float>(read.dmemories);
  memory_scan.dmemory_out = pointer<float>(dmemory_out);
  memory_scan.dmemories_after = pointer<float>(gradients.dmemories_after);
  memory_scan.dmemory_in = pointer<float>(gradients.dmemory);
  if (arguments.is_delta()) memory_scan.transitions = pointer<float>(saved.transitions);
  launch_state_scan_backward(memory_scan, stream);

  Tensor dnorms_of_delta;
  if (arguments.is_delta()) {
    gradients.couplings = empty({x.batch, x.groups, full, D, D});
    gradients.weights = empty({x.batch, x.groups, full * x.segment_length});
    dnorms_of_delta = empty({x.batch, x.groups, full, pieces, D});
    launch_delta_coupling<T>({x, pointer<float>(arguments.gain), pointer<float>(saved.memories),
                              memory_scan.dmemories_after, pointer<float>(gradients.couplings)},
                             stream);
    launch_delta_norm_backward<T>(
        {x, heads_of<const T>(arguments.k), pointer<float>(saved.norms), pointer<float>(gradients.couplings),
         pointer<float>(dnorms_of_delta), pointer<float>(gradients.weights)},
        stream);
  }

  StateScanBackwardArguments norm_scan;
  norm_scan.extents = x;
  norm_scan.starts = memory_scan.starts;
  norm_scan.dnorms = pointer<float>(read.dnorms);
  norm_scan.dnorms_of_delta = pointer<float>(dnorms_of_delta);
  norm_scan.dnorm_out = pointer<float>(dnorm_out);
  norm_scan.dnorms_after = pointer<float>(gradients.dnorms_after);
  norm_scan.dnorm_in = pointer<float>(gradients.dnorm);
  launch_state_scan_backward(norm_scan, stream);
  return gradients;
}

/// Writes dk through the memory, and all of dv.
template <typename T>
void update_backward(const AlignedArguments& arguments, const AttentionSaved& saved, const StateGradients& states,
                     const Tensor& dv_local, const Tensor& dk, const Tensor& dv, cudaStream_t stream) {
  const Extents& x = arguments.extents;
  const int64_t written = x.full_segments() * x.segment_length, rest = x.tokens - written;
  if (rest > 0) {
    dk.narrow(2, written, rest).zero_();
    dv.narrow(2, written, rest).copy_(dv_local.narrow(2, written, rest));
  }
  UpdateBackwardArguments<T> update;
  update.extents = x;
  update.k = heads_of<const T>(arguments.k);
  update.v = heads_of<const T>(arguments.v);
  update.gain = pointer<float>(arguments.gain);
  update.dmemories_after = pointer<float>(states.dmemories_after);
  update.dnorms_after = pointer<float>(states.dnorms_after);
  update.norms = pointer<float>(saved.norms);
  update.couplings = pointer<float>(states.couplings);
  update.weights = pointer<float>(states.weights);
  update.dv_local = heads_of<const T>(dv_local);
  update.dk = heads_of<T>(dk);
  update.dv = heads_of<T>(dv);
  launch_update_backward(update, stream);
}

/// Adds to dq and dk what comes through rotation.
template <typename T>
void rotate_backward(const AlignedArguments& arguments, const Tensor& dq_rotated, const Tensor& dk_rotated,
                     const Tensor& dq, const Tensor& dk, cudaStream_t stream) {
  launch_rotate_backward<T>(
      {arguments.extents, heads_of<const T>(dq_rotated), heads_of<const T>(dk_rotated), pointer<float>(arguments.cos),
       pointer<float>(arguments.sin), heads_of<T>(dq), heads_of<T>(dk)},
      stream);
}

/// Without memory the state passed through, emptied where a document started: so does its gradient.
Tensor passed_gradient(const AlignedArguments& arguments, const OptionalTensor& gradient, at::IntArrayRef shape) {
  if (!gradient) return at::zeros(shape, arguments.state);
  Tensor passed = plain_float(*gradient).clone();
  if (!arguments.starts.defined()) return passed;
  std::vector<int64_t> rows(shape.size(), 1);
  rows[0] = shape[0];
  return passed.masked_fill_(arguments.starts.any(1).view(rows), 0);
}

template <typename T>
AttentionBackward backward_of(const AttentionOutputGradients& gradients, const AlignedArguments& arguments,
                              const AttentionArguments& inputs, const AttentionSaved& saved, cudaStream_t stream) {
  const Extents& x = arguments.extents;
  const auto dtype = inputs.q.scalar_type();
  const Tensor dq = empty_in_layout_of(inputs.q, x.key_width, dtype);
  const Tensor dk = empty_in_layout_of(inputs.k, x.key_width, dtype);
  const Tensor dv = empty_in_layout_of(inputs.v, x.value_width, dtype);
  const bool through_memory = arguments.reads_memory();

  Tensor dq_rotated, dk_rotated, dv_local;
  ReadGradients read;
  if (gradients.out) {
    const Tensor dout = with_aligned_rows(gradients.out->to(dtype));
    if (through_memory) read = retrieve_backward<T>(arguments, saved, dout, dq, stream);
    std::tie(dq_rotated, dk_rotated, dv_local) =
        attend_backward<T>(arguments, saved, through_memory ? read.dlocal : dout, stream);
  } else {
    dv_local = at::zeros_like(arguments.v);
  }
  if (!gradients.out || !through_memory) dq.zero_();

  Tensor dmemory_in, dnorm_in;
  if (through_memory) {
    const auto states = state_backward<T>(arguments, saved, read, gradients, stream);
    update_backward<T>(arguments, saved, states, dv_local, dk, dv, stream);
    dmemory_in = states.dmemory;
    dnorm_in = states.dnorm;
  } else {
    dk.zero_();
    dv.copy_(dv_local);
    dmemory_in = passed_gradient(arguments, gradients.memory, {x.batch, x.groups, x.key_width, x.value_width});
    dnorm_in = passed_gradient(arguments, gradients.norm, {x.batch, x.groups, x.key_width});
  }
  if (gradients.out) rotate_backward<T>(arguments, dq_rotated, dk_rotated, dq, dk, stream);
  const Tensor dbeta = read.dbetas.defined() ? read.dbetas.sum(at::IntArrayRef{0, 2, 3}).to(inputs.beta.scalar_type())
                                             : at::zeros_like(inputs.beta);
  return {dq, dk, dv, dbeta, dmemory_in, dnorm_in};
}

}  // namespace

AttentionBackward attention_backward(const AttentionOutputGradients& gradients, const AttentionArguments& inputs,
                                     const AttentionSaved& saved, cudaStream_t stream) {
  if (!has_kernels(inputs, saved.logsumexp.scalar_type())) {
    return composed_attention_backward(gradients, inputs, saved);
  }
  const AlignedArguments arguments(inputs);
  return with_element(inputs.q.scalar_type(), [&](auto element) {
    using T = decltype(element);
    if (!update_backward_fits<T>(arguments.extents, arguments.is_delta())) {
      TORCH_WARN_ONCE(
          "this device has too little shared memory for the gradient of the delta update in float32 with "
          "keys of width 128: it is composed of slower ops, with the same result; bfloat16 would not be");
      return composed_attention_backward(gradients, inputs, saved);
    }
    return backward_of<T>(gradients, arguments, inputs, saved, stream);
  });
}

}  // namespace infini::ops::cuda
