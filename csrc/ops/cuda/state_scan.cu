// The states before each segment, from what each full segment writes, first segment to last:
//
//   M ← 0, z ← 0 at a start
//   M ← M + written                        linear        z ← z + written norm
//   M ← M + written − transition · M       delta
//
// In place: memories [B,G,S,D,E] and norms [B,G,S,D] hold what is written and receive what was there before. Only this
// goes through the segments one after the other, on states alone. The linear rule works number by number. For the delta
// rule a block carries 16 columns of M, which is all that a column of M depends on. Everything is float, without TF32.

#include "ops/cuda/state_scan.h"
#include "ops/cuda/tile.cuh"

namespace infini::ops::cuda {
namespace {

constexpr int width = 4;

__device__ __forceinline__ bool starts_at(const StateScanArguments& arguments, int64_t batch, int64_t segment) {
  return arguments.starts != nullptr && arguments.starts[batch * arguments.extents.segments() + segment];
}

constexpr int sum_threads = 256;

/// Segments whose loads are under way at once.
constexpr int segments_ahead = 4;

/// Exclusive sums over segments: a thread for every `width` numbers of the B · G memories, then of the norms.
__global__ void __launch_bounds__(sum_threads)
    sum_states(StateScanArguments arguments, int64_t memory_size, int64_t norm_size) {
  const Extents& x = arguments.extents;
  const int64_t memory_threads = x.batch * x.groups * memory_size / width;
  const int64_t norm_threads = x.batch * x.groups * norm_size / width;
  int64_t thread = int64_t{blockIdx.x} * sum_threads + threadIdx.x;
  if (thread >= memory_threads + norm_threads) return;
  const bool is_memory = thread < memory_threads;
  if (!is_memory) thread -= memory_threads;
  const int64_t size = is_memory ? memory_size : norm_size;
  const int64_t pair = thread * width / size, offset = thread * width % size, batch = pair / x.groups;
  const int64_t segments = x.segments(), full = x.full_segments();
  float* const states = (is_memory ? arguments.memories : arguments.norms) + pair * segments * size + offset;

  float state[width];
  load_floats((is_memory ? arguments.memory_in : arguments.norm_in) + pair * size + offset, state);
  for (int64_t first = 0; first < segments; first += segments_ahead) {
    float written[segments_ahead][width] = {};
#pragma unroll
    for (int i = 0; i < segments_ahead; ++i) {
      if (first + i < full) load_floats(states + (first + i) * size, written[i]);
    }
#pragma unroll
    for (int i = 0; i < segments_ahead; ++i) {
      if (first + i >= segments) break;
      const bool starts = starts_at(arguments, batch, first + i);
#pragma unroll
      for (int j = 0; j < width; ++j) state[j] = starts ? 0.0f : state[j];
      store_floats(states + (first + i) * size, state);
#pragma unroll
      for (int j = 0; j < width; ++j) state[j] += written[i][j];
    }
  }
  store_floats((is_memory ? arguments.memory_out : arguments.norm_out) + pair * size + offset, state);
}

constexpr int recurrence_threads = 128;
constexpr int memory_columns = 16;

/// Columns of the transition in shared memory at once.
constexpr int transition_columns = 32;

template <int D>
struct Shared {
  using Memory = Tile<float, memory_columns>;
  using Transition = Tile<float, transition_columns>;
  static constexpr size_t bytes = 2 * Memory::bytes(D) + Transition::bytes(D);
};

/// The delta rule on 16 columns of one memory: M stands in the registers of all threads and, for the product, in shared
/// memory. The transition's next columns are fetched while these are multiplied.
template <int D>
__global__ void __launch_bounds__(recurrence_threads) recur_memory(StateScanArguments arguments) {
  using Staged = StagedRows<float, D, transition_columns, recurrence_threads>;
  INFINI_DYNAMIC_SHARED(float, shared);
  const typename Shared<D>::Memory memory{shared}, product_tile{shared + memory.size(D)};
  const typename Shared<D>::Transition transition{shared + 2 * memory.size(D)};

  const Extents& x = arguments.extents;
  const int64_t column_blocks = x.value_width / memory_columns;
  const int64_t pair = blockIdx.x / column_blocks, batch = pair / x.groups;
  const int first_column = static_cast<int>(blockIdx.x % column_blocks) * memory_columns;
  const int64_t size = D * x.value_width, segments = x.segments(), full = x.full_segments();
  const int stride = static_cast<int>(x.value_width), thread = static_cast<int>(threadIdx.x);

  // The same numbers of every state are this thread's.
  constexpr int count = D * memory_columns / width / recurrence_threads;
  const auto for_each_own = [&](const auto& body) {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      const int index = (i * recurrence_threads + thread) * width;
      body(i, index / memory_columns, index % memory_columns);
    }
  };
  float state[count][width];
  for_each_own([&](int i, int row, int column) {
    load_floats(arguments.memory_in + pair * size + row * stride + first_column + column, state[i]);
  });

  Staged staged(thread);
  const float* const transitions = arguments.transitions + pair * full * D * D;
  if (full > 0) staged.fetch(transitions, D, D);
  for (int64_t segment = 0; segment < segments; ++segment) {
    const bool starts = starts_at(arguments, batch, segment);
    float* const states = arguments.memories + (pair * segments + segment) * size + first_column;
    float written[count][width];
    for_each_own([&](int i, int row, int column) {
      if (segment < full) load_floats(states + row * stride + column, written[i]);
#pragma unroll
      for (int j = 0; j < width; ++j) state[i][j] = starts ? 0.0f : state[i][j];
      store_floats(states + row * stride + column, state[i]);
      store_floats(memory.at(row, column), state[i]);
    });
    if (segment >= full) break;

    Product<float, D, memory_columns, recurrence_threads / 32> product(thread / 32);
    for (int first = 0; first < D; first += transition_columns) {
      staged.place(transition, D, Unchanged());
      __syncthreads();
      const int64_t next = segment * D * D + first + transition_columns;
      if (first + transition_columns < D) {
        staged.fetch(transitions + next, D, D);
      } else if (segment + 1 < full) {
        staged.fetch(transitions + (segment + 1) * D * D, D, D);
      }
      product.template add<transition_columns>(transition, memory.from(first, 0));
      __syncthreads();
    }
    product.store(product_tile.data, product_tile.stride);
    __syncthreads();
    for_each_own([&](int i, int row, int column) {
      float taken[width];
      load_floats(product_tile.at(row, column), taken);
#pragma unroll
      for (int j = 0; j < width; ++j) state[i][j] += written[i][j] - taken[j];
    });
  }
  for_each_own([&](int i, int row, int column) {
    store_floats(arguments.memory_out + pair * size + row * stride + first_column + column, state[i]);
  });
}

}  // namespace

void launch_state_scan(const StateScanArguments& arguments, cudaStream_t stream) {
  const Extents& x = arguments.extents;
  const bool recurs = arguments.memories != nullptr && arguments.transitions != nullptr;
  if (recurs) {
    with_widths(x.key_width, x.value_width, [&](auto D, auto E) {
      INFINI_LAUNCH((recur_memory<D()>), grid_of(x.batch * x.groups * (E() / memory_columns)), dim3(recurrence_threads),
                    Shared<D()>::bytes, stream, arguments);
    });
  }
  const int64_t memory_size = arguments.memories == nullptr || recurs ? 0 : x.key_width * x.value_width;
  const int64_t norm_size = arguments.norms == nullptr ? 0 : x.key_width;
  if (memory_size + norm_size == 0) return;
  const int64_t threads = x.batch * x.groups * (memory_size + norm_size) / width;
  INFINI_LAUNCH(sum_states, grid_of((threads + sum_threads - 1) / sum_threads), dim3(sum_threads), 0, stream, arguments,
                memory_size, norm_size);
}

}  // namespace infini::ops::cuda
