// Infini-attention on the CPU: which segment kernel runs on what, in which order. Everything heavy is done for all
// segments at once; one after the other go only the states, D × D and D × E matrices.
//
//   forward   z of all segments · what each writes · the states · each segment read
//   backward  what each segment's reading sends to the state · the memories, last to first · the norms, last to first
//             (with delta before them what each segment's writing sends to the norm) · q, k, v and β of each segment

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include "ops/attention_schema.h"
#include "ops/checks.h"
#include "ops/cpu/bfloat16_product.h"
#include "ops/cpu/element_type.h"
#include "ops/cpu/segment_kernels.h"
#include "ops/extents.h"

namespace infini::ops::cpu {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

template <typename T>
T* data(const Tensor& tensor) {
  return tensor.defined() && tensor.numel() > 0 ? static_cast<T*>(tensor.data_ptr()) : nullptr;
}

Extents extents_of(const AttentionArguments& x) {
  return {x.q.size(0), x.q.size(1), x.k.size(1), x.q.size(2), x.segment_length, x.q.size(3), x.v.size(3)};
}

/// Segments of all KV heads of all rows.
int64_t tasks(const Extents& x) { return x.batch * x.groups * x.segments(); }
int64_t state_size(const Extents& x) { return x.key_width * x.value_width; }
Sizes sizes_of(const Extents& x, int64_t segment) {
  return {x.tokens_of(segment), x.group_size(), x.key_width, x.value_width};
}

/// One segment of one KV head of one row.
struct GroupSegment {
  int64_t batch, group, segment, index;  // index: batch-major, then group, then segment
};

template <typename Body>
void for_each_segment(const Extents& extents, int64_t scratch_bytes, const Body& body) {
  at::parallel_for(0, tasks(extents), 1, [&](int64_t begin, int64_t end) {
    const auto scratch = std::make_unique_for_overwrite<char[]>(static_cast<size_t>(scratch_bytes + 64));
    char* const aligned = scratch.get() + (64 - reinterpret_cast<uintptr_t>(scratch.get()) % 64) % 64;
    const MatrixUnit matrix_unit;
    for (int64_t index = begin; index < end; ++index) {
      const int64_t segment = index % extents.segments(), pair = index / extents.segments();
      body(GroupSegment{pair / extents.groups, pair % extents.groups, segment, index}, aligned);
    }
  });
}

template <typename Body>
void for_each_state(const Extents& extents, const Body& body) {
  at::parallel_for(0, extents.batch * extents.groups, 1, [&](int64_t begin, int64_t end) {
    for (int64_t pair = begin; pair < end; ++pair) body(pair, pair / extents.groups);
  });
}

/// Rows of one segment of head `head` of a [B, heads, N, width] tensor.
template <typename T>
Rows<T> rows_of(const Tensor& tensor, const GroupSegment& place, int64_t head, int64_t segment_length) {
  using Plain = std::remove_const_t<T>;
  return {data<Plain>(tensor) + place.batch * tensor.stride(0) + head * tensor.stride(1) +
              place.segment * segment_length * tensor.stride(2),
          tensor.stride(2)};
}

bool starts_at(const OptionalTensor& starts, int64_t batch, int64_t segment, int64_t segments) {
  return starts && data<bool>(*starts)[batch * segments + segment];
}

template <typename A>
A gain_at(const OptionalTensor& gain, int64_t batch, int64_t segment, int64_t segments) {
  return gain ? data<A>(*gain)[batch * segments + segment] : A(1);
}

/// Tensors in the dtypes and layouts that the kernels read.
template <typename T>
struct PlainArguments {
  using A = Arithmetic<T>;
  Tensor q, k, v, beta, cos, sin;
  OptionalTensor starts, gain;
  Extents extents;
  Update update;

  explicit PlainArguments(const AttentionArguments& arguments)
      : q(rows(arguments.q)),
        k(rows(arguments.k)),
        v(rows(arguments.v)),
        beta(plain(arguments.beta)),
        cos(plain(arguments.cos)),
        sin(plain(arguments.sin)),
        extents(extents_of(arguments)),
        update(parse_update(arguments.update, true)) {
    if (arguments.starts) starts = arguments.starts->contiguous();
    if (arguments.gain) gain = plain(*arguments.gain);
  }

  static Tensor plain(const Tensor& tensor) { return tensor.to(c10::CppTypeToScalarType<A>::value).contiguous(); }
  /// The kernels want rows of D or E elements contiguous; the other dimensions may be strided.
  static Tensor rows(const Tensor& tensor) {
    const Tensor elements = tensor.to(element_type<T>);
    return elements.stride(-1) == 1 ? elements : elements.contiguous();
  }

  /// All but `out` and `local`, of which each pass needs its own.
  Attend<T> attend(const GroupSegment& place, const Tensor& logsumexp, const Tensor& memories,
                   const Tensor& norms) const {
    const int64_t head = place.group * extents.group_size();
    Attend<T> task;
    task.sizes = sizes_of(extents, place.segment);
    task.q = rows_of<const T>(q, place, head, extents.segment_length);
    task.q_head = q.stride(1);
    task.k = rows_of<const T>(k, place, place.group, extents.segment_length);
    task.v = rows_of<const T>(v, place, place.group, extents.segment_length);
    task.logsumexp = data<A>(logsumexp) + (place.batch * extents.heads + head) * extents.tokens +
                     place.segment * extents.segment_length;
    task.logsumexp_head = extents.tokens;
    task.cos = data<A>(cos);
    task.sin = data<A>(sin);
    task.beta = data<A>(beta) + head;
    if (update != Update::none) {
      task.memory = data<A>(memories) + place.index * state_size(extents);
      task.norm = data<A>(norms) + place.index * extents.key_width;
    }
    return task;
  }

  Write<T> write(const GroupSegment& place) const {
    Write<T> task;
    task.sizes = sizes_of(extents, place.segment);
    task.k = rows_of<const T>(k, place, place.group, extents.segment_length);
    task.v = rows_of<const T>(v, place, place.group, extents.segment_length);
    task.gain = gain_at<A>(gain, place.batch, place.segment, extents.segments());
    return task;
  }
  bool writes(const GroupSegment& place) const {
    return update != Update::none && place.segment < extents.full_segments();
  }
};

template <typename T>
AttentionForward forward(const PlainArguments<T>& arguments, const Tensor& memory_in, const Tensor& norm_in) {
  using A = Arithmetic<T>;
  const Extents& x = arguments.extents;
  const auto& kernels = segment_kernels<T>();
  const auto state = memory_in.options().dtype(c10::CppTypeToScalarType<A>::value);
  const int64_t S = x.segments(), F = x.full_segments(), D = x.key_width, E = x.value_width;
  const bool delta = arguments.update == Update::delta, writes = arguments.update != Update::none;

  const auto out = empty_in_layout_of(arguments.q, E, arguments.q.scalar_type());
  const auto local = writes ? empty_in_layout_of(arguments.q, E, out.scalar_type())
                            : at::empty({x.batch, x.heads, 0, E}, out.options());
  const auto logsumexp = at::empty({x.batch, x.heads, x.tokens}, state);
  // Before each segment: the state; behind it, for the moment, what the segment writes.
  const auto memories = at::empty({x.batch, x.groups, writes ? S : 0, D, E}, state);
  const auto norms = at::empty({x.batch, x.groups, writes ? S : 0, D}, state);
  const auto transitions = at::empty({x.batch, x.groups, delta ? F : 0, D, D}, state);
  auto memory = PlainArguments<T>::plain(memory_in).clone();
  auto norm = PlainArguments<T>::plain(norm_in).clone();
  const auto written = at::empty({x.batch, x.groups, writes ? S : 0, D, E}, state);
  const int64_t scratch_bytes = kernels.scratch_bytes(sizes_of(x, 0));

  if (writes) {
    for_each_segment(x, 0, [&](const GroupSegment& place, char*) {
      if (arguments.writes(place)) kernels.write_norm(arguments.write(place), data<A>(norms) + place.index * D);
    });
  }
  for_each_state(x, [&](int64_t pair, int64_t batch) {
    A* const z = data<A>(norm) + pair * D;
    for (int64_t s = 0; s < S; ++s) {
      if (starts_at(arguments.starts, batch, s, S)) std::fill_n(z, D, A(0));
      if (!writes) continue;
      A* const own = data<A>(norms) + (pair * S + s) * D;
      for (int64_t i = 0; i < D; ++i) {
        const A before = z[i];
        if (s < F) z[i] += own[i];
        own[i] = before;
      }
    }
  });
  if (writes) {
    for_each_segment(x, scratch_bytes, [&](const GroupSegment& place, char* scratch) {
      if (!arguments.writes(place)) return;
      auto task = arguments.write(place);
      task.written = data<A>(written) + place.index * state_size(x);
      if (delta) {
        task.norm = data<A>(norms) + place.index * D;
        task.transition = data<A>(transitions) + (place.index / S * F + place.segment) * D * D;
      }
      kernels.write(task, scratch);
    });
  }
  for_each_state(x, [&](int64_t pair, int64_t batch) {
    const int64_t size = state_size(x);
    A* const M = data<A>(memory) + pair * size;
    for (int64_t s = 0; s < S; ++s) {
      if (starts_at(arguments.starts, batch, s, S)) std::fill_n(M, size, A(0));
      if (!writes) continue;
      A* const before = data<A>(memories) + (pair * S + s) * size;
      std::copy_n(M, size, before);
      if (s >= F) continue;
      A* const own = data<A>(written) + (pair * S + s) * size;
      if (delta) {
        A* const transition = data<A>(transitions) + (pair * F + s) * D * D;
        for (int64_t i = 0; i < size; ++i) M[i] += own[i];
        kernels.multiply(D, E, D, transition, before, own, false);
        for (int64_t i = 0; i < size; ++i) M[i] -= own[i];
      } else {
        for (int64_t i = 0; i < size; ++i) M[i] += own[i];
      }
    }
  });
  for_each_segment(x, scratch_bytes, [&](const GroupSegment& place, char* scratch) {
    const int64_t head = place.group * x.group_size();
    auto task = arguments.attend(place, logsumexp, memories, norms);
    task.out = rows_of<T>(out, place, head, x.segment_length);
    task.out_head = out.stride(1);
    if (writes) {
      task.local = rows_of<T>(local, place, head, x.segment_length);
      task.local_head = local.stride(1);
    }
    kernels.attend(task, scratch);
  });
  return {out, memory, norm, logsumexp, memories, norms, transitions, local};
}

template <typename T>
AttentionBackward backward(const AttentionOutputGradients& gradients, const PlainArguments<T>& arguments,
                           const AttentionSaved& saved) {
  using A = Arithmetic<T>;
  const Extents& x = arguments.extents;
  const auto& kernels = segment_kernels<T>();
  const auto& [local_in, logsumexp, memories, norms, transitions] = saved;
  const auto state = logsumexp.options();
  const int64_t S = x.segments(), F = x.full_segments(), D = x.key_width, E = x.value_width, size = state_size(x);
  const bool delta = arguments.update == Update::delta, writes = arguments.update != Update::none;
  const int64_t scratch_bytes = kernels.scratch_bytes(sizes_of(x, 0));
  const auto dq = empty_in_layout_of(arguments.q, D, arguments.q.scalar_type());
  const auto dk = empty_in_layout_of(arguments.k, D, arguments.k.scalar_type());
  const auto dv = empty_in_layout_of(arguments.v, E, arguments.v.scalar_type());
  auto dmemory = gradients.memory ? PlainArguments<T>::plain(*gradients.memory).clone()
                                  : at::zeros({x.batch, x.groups, D, E}, state);
  auto dnorm =
      gradients.norm ? PlainArguments<T>::plain(*gradients.norm).clone() : at::zeros({x.batch, x.groups, D}, state);

  // What each segment's reading sends to the state before it.
  const bool read = gradients.out.has_value(), retrieves = read && writes;
  Tensor dout, local, dbetas;
  const auto along_memory = at::empty({retrieves ? tasks(x) : 0, x.group_size()}, state.dtype(at::kDouble));
  const auto along_norm = at::empty({x.batch, x.heads, retrieves ? x.tokens : 0}, state);
  const auto dmemories = at::empty({x.batch, x.groups, retrieves ? S : 0, D, E}, state);
  const auto dnorms = at::empty({x.batch, x.groups, retrieves ? S : 0, D}, state);
  if (read) {
    dout = PlainArguments<T>::rows(*gradients.out);
    local = PlainArguments<T>::rows(local_in);
    dbetas = at::empty({x.batch, x.groups, S, x.group_size()}, state);
  }
  const auto attend_backward = [&](const GroupSegment& place) {
    const int64_t head = place.group * x.group_size();
    AttendBackward<T> task;
    task.forward = arguments.attend(place, logsumexp, memories, norms);
    task.forward.local = rows_of<T>(local, place, head, x.segment_length);
    task.forward.local_head = local.stride(1);
    task.dout = rows_of<const T>(dout, place, head, x.segment_length);
    task.dout_head = dout.stride(1);
    task.dq = rows_of<T>(dq, place, head, x.segment_length);
    task.dq_head = dq.stride(1);
    task.dbeta = data<A>(dbetas) + place.index * x.group_size();
    if (writes) {
      task.dmemory = data<A>(dmemories) + place.index * size;
      task.dnorm = data<A>(dnorms) + place.index * D;
      task.along_memory = data<double>(along_memory) + place.index * x.group_size();
      task.along_norm =
          data<A>(along_norm) + (place.batch * x.heads + head) * x.tokens + place.segment * x.segment_length;
      task.along_norm_head = x.tokens;
    }
    return task;
  };
  if (retrieves) {
    for_each_segment(x, scratch_bytes, [&](const GroupSegment& place, char* scratch) {
      kernels.retrieve_backward(attend_backward(place), scratch);
    });
  }

  // The states' gradients after each segment, last to first.
  const auto dmemories_after = at::empty({x.batch, x.groups, writes ? S : 0, D, E}, state);
  const auto dnorms_after = at::empty({x.batch, x.groups, writes ? S : 0, D}, state);
  for_each_state(x, [&](int64_t pair, int64_t batch) {
    const auto product = std::make_unique_for_overwrite<A[]>(static_cast<size_t>(size + D * D));
    A *const dM = data<A>(dmemory) + pair * size, *const transposed = product.get() + size;
    for (int64_t s = S - 1; s >= 0; --s) {
      if (writes) std::copy_n(dM, size, data<A>(dmemories_after) + (pair * S + s) * size);
      if (delta && s < F) {
        const A* const transition = data<A>(transitions) + (pair * F + s) * D * D;
        for (int64_t i = 0; i < D; ++i) {
          for (int64_t j = 0; j < D; ++j) transposed[j * D + i] = transition[i * D + j];
        }
        kernels.multiply(D, E, D, transposed, dM, product.get(), false);
        for (int64_t i = 0; i < size; ++i) dM[i] -= product[i];
      }
      if (retrieves) {
        const A* const own = data<A>(dmemories) + (pair * S + s) * size;
        for (int64_t i = 0; i < size; ++i) dM[i] += own[i];
      }
      if (starts_at(arguments.starts, batch, s, S)) std::fill_n(dM, size, A(0));
    }
  });
  const auto dnorms_before = at::empty({x.batch, x.groups, delta ? S : 0, D}, state);
  const auto written_along_norm = at::empty({x.batch, x.groups, delta ? x.tokens : 0}, state);
  const auto write_backward = [&](const GroupSegment& place) {
    WriteBackward<T> task;
    task.sizes = sizes_of(x, place.segment);
    task.k = rows_of<const T>(arguments.k, place, place.group, x.segment_length);
    task.v = rows_of<const T>(arguments.v, place, place.group, x.segment_length);
    task.gain = gain_at<A>(arguments.gain, place.batch, place.segment, S);
    task.dmemory = data<A>(dmemories_after) + place.index * size;
    task.dnorm = data<A>(dnorms_after) + place.index * D;
    if (delta) {
      task.memory = data<A>(memories) + place.index * size;
      task.norm = data<A>(norms) + place.index * D;
      task.along_norm = data<A>(written_along_norm) + place.index / S * x.tokens + place.segment * x.segment_length;
    }
    return task;
  };
  if (delta) {
    for_each_segment(x, scratch_bytes, [&](const GroupSegment& place, char* scratch) {
      if (!arguments.writes(place)) return;
      kernels.norm_backward(write_backward(place), data<A>(dnorms_before) + place.index * D, scratch);
    });
  }
  for_each_state(x, [&](int64_t pair, int64_t batch) {
    A* const dz = data<A>(dnorm) + pair * D;
    for (int64_t s = S - 1; s >= 0; --s) {
      const int64_t row = (pair * S + s) * D;
      for (int64_t i = 0; i < D; ++i) {
        if (writes) data<A>(dnorms_after)[row + i] = dz[i];
        if (delta && s < F) dz[i] += data<A>(dnorms_before)[row + i];
        if (retrieves) dz[i] += data<A>(dnorms)[row + i];
      }
      if (starts_at(arguments.starts, batch, s, S)) std::fill_n(dz, D, A(0));
    }
  });
  if (!read) dq.zero_();
  for_each_segment(x, scratch_bytes, [&](const GroupSegment& place, char* scratch) {
    std::optional<AttendBackward<T>> reading;
    std::optional<WriteBackward<T>> writing;
    if (read) reading = attend_backward(place);
    if (arguments.writes(place)) writing = write_backward(place);
    const SegmentBackward<T> task{reading ? &*reading : nullptr, writing ? &*writing : nullptr,
                                  sizes_of(x, place.segment), rows_of<T>(dk, place, place.group, x.segment_length),
                                  rows_of<T>(dv, place, place.group, x.segment_length)};
    kernels.segment_backward(task, scratch);
  });
  const auto dbeta = read ? dbetas.sum(at::IntArrayRef{0, 2}).view({x.heads}) : at::zeros({x.heads}, state);
  return {dq, dk, dv, dbeta, dmemory, dnorm};
}

/// A double state beside narrower activations makes all arithmetic double.
at::ScalarType element_dtype(const Tensor& q, at::ScalarType state) {
  return state == at::kDouble ? at::kDouble : q.scalar_type();
}

AttentionForward attention_forward(const AttentionArguments& arguments) {
  const Tensor& q = arguments.q;
  auto result = with_element(element_dtype(q, state_dtype(q, arguments.memory)), "q", [&](auto element) {
    return forward(PlainArguments<decltype(element)>(arguments), arguments.memory, arguments.norm);
  });
  for (auto* rows : {&std::get<0>(result), &std::get<7>(result)}) *rows = rows->to(q.scalar_type());
  return result;
}

AttentionBackward attention_backward(const AttentionOutputGradients& gradients, const AttentionArguments& arguments,
                                     const AttentionSaved& saved) {
  const Tensor& q = arguments.q;
  auto result = with_element(element_dtype(q, saved.logsumexp.scalar_type()), "q", [&](auto element) {
    return backward(gradients, PlainArguments<decltype(element)>(arguments), saved);
  });
  auto& [dq, dk, dv, dbeta, dmemory, dnorm] = result;
  for (auto* gradient : {&dq, &dk, &dv}) *gradient = gradient->to(q.scalar_type());
  dbeta = dbeta.to(arguments.beta.scalar_type());
  return result;
}

}  // namespace

TORCH_LIBRARY_IMPL(infini, CPU, library) {
  library.impl("_attention_forward", attention_schema::collected<attention_forward>);
  library.impl("_attention_backward", attention_schema::collected_backward<attention_backward>);
}

}  // namespace infini::ops::cpu
