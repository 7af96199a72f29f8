#pragma once

#include <cstdint>

/// What one thread does for one segment of one KV head, on raw pointers. Each function is compiled for several
/// instruction sets; `segment_kernels()` chooses. T is the dtype of the activations, A that of arithmetic and state
/// (double for double, else float). Rows of D or E elements are contiguous; everything else is strided.
namespace infini::ops::cpu {

struct BFloat16 {
  uint16_t bits;
};
struct Half {
  _Float16 value;
};

template <typename T>
struct ArithmeticType {
  using type = float;
};
template <>
struct ArithmeticType<double> {
  using type = double;
};
template <typename T>
using Arithmetic = typename ArithmeticType<T>::type;

/// Row t of a segment lies at data + t · stride.
template <typename T>
struct Rows {
  T* data = nullptr;
  int64_t stride = 0;
  T* operator[](int64_t row) const { return data + row * stride; }
};

struct Sizes {
  int64_t tokens = 0;       ///< of this segment
  int64_t heads = 0;        ///< query heads that share the KV head
  int64_t key_width = 0;    ///< D
  int64_t value_width = 0;  ///< E
};

/// Reads one segment: local attention, retrieval, gate.
template <typename T, typename A = Arithmetic<T>>
struct Attend {
  Sizes sizes;
  Rows<const T> q;  ///< of the first head of the group; the next ones are `q_head` further
  int64_t q_head = 0;
  Rows<const T> k, v;
  Rows<T> out;
  int64_t out_head = 0;
  Rows<T> local;  ///< A_dot; none where there is no memory to read, since `out` is that then
  int64_t local_head = 0;
  A* logsumexp = nullptr;  ///< [heads, …]: a head's are `logsumexp_head` further
  int64_t logsumexp_head = 0;
  const A *cos = nullptr, *sin = nullptr, *beta = nullptr;
  const A *memory = nullptr, *norm = nullptr;  ///< as before the segment; nullptr: local attention only
};

/// The gradient of `Attend`, in two steps: first what retrieval sends to the state before the segment, then the rest.
template <typename T, typename A = Arithmetic<T>>
struct AttendBackward {
  Attend<T> forward;  ///< with `local` (never none) and `logsumexp` as the forward pass left them; `out` is not read
  Rows<const T> dout;
  int64_t dout_head = 0;
  A *dmemory = nullptr, *dnorm = nullptr;  ///< [D, E], [D] (first step)
  double* along_memory = nullptr;          ///< [heads]: Σ dout·A_mem (first step)
  A* along_norm = nullptr;                 ///< [heads, …]: of each query, gate · dout·A_mem/(σ(q) z) (first step)
  int64_t along_norm_head = 0;
  Rows<T> dq;
  int64_t dq_head = 0;
  A* dbeta = nullptr;  ///< [heads]
};

/// Writes one segment: the affine map M_out = M_in + written − transition · M_in.
template <typename T, typename A = Arithmetic<T>>
struct Write {
  Sizes sizes;
  Rows<const T> k, v;
  A gain = 1;
  const A* norm = nullptr;  ///< as before the segment; only for delta
  A* written = nullptr;     ///< [D, E]: gain · σ(K)ᵀV
  A* transition = nullptr;  ///< [D, D]: gain · σ(K)ᵀ(σ(K) / (σ(K) z)); nullptr for linear
};

/// The gradient of one written segment, for delta in two steps: first that of the norm before it, then the rest.
template <typename T, typename A = Arithmetic<T>>
struct WriteBackward {
  Sizes sizes;
  Rows<const T> k, v;
  A gain = 1;
  const A *memory = nullptr, *norm = nullptr;  ///< as before the segment; nullptr for linear
  const A* dmemory = nullptr;                  ///< of the memory after the segment
  A* along_norm = nullptr;                     ///< [tokens]: of each key dw·r/(σ(k) z), delta's first step
  const A* dnorm = nullptr;                    ///< of the norm after the segment (second step)
};

/// The gradient of q, k, v and beta of one segment.
template <typename T>
struct SegmentBackward {
  const AttendBackward<T>* read = nullptr;    ///< nullptr: nothing comes through the output
  const WriteBackward<T>* written = nullptr;  ///< nullptr: the segment was not written
  Sizes sizes;
  Rows<T> dk, dv;
};

template <typename T>
struct SegmentKernels {
  using A = Arithmetic<T>;
  int64_t (*scratch_bytes)(const Sizes& largest);
  void (*attend)(const Attend<T>&, char* scratch);
  /// gain · Σ_t σ(k_t) → norm [D].
  void (*write_norm)(const Write<T>&, A* norm);
  void (*write)(const Write<T>&, char* scratch);
  /// The first step of AttendBackward.
  void (*retrieve_backward)(const AttendBackward<T>&, char* scratch);
  /// The first step of delta's WriteBackward → dnorm_before [D], what writing sends to the norm before the segment.
  void (*norm_backward)(const WriteBackward<T>&, A* dnorm_before, char* scratch);
  void (*segment_backward)(const SegmentBackward<T>&, char* scratch);
  /// c [m, n] (+)= a [m, k] · b [k, n], contiguous.
  void (*multiply)(int64_t m, int64_t n, int64_t k, const A* a, const A* b, A* c, bool accumulate);
};

/// The kernels for this machine's instruction set.
template <typename T>
const SegmentKernels<T>& segment_kernels();

}  // namespace infini::ops::cpu
