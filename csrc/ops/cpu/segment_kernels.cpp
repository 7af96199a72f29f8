// Compiled once for each instruction set; INFINI_INSTRUCTION_SET names the copy.

#include "ops/cpu/segment_kernels.h"

#include "ops/cpu/attend.h"
#include "ops/cpu/attend_backward.h"
#include "ops/cpu/write.h"

namespace infini::ops::cpu {
namespace {

template <typename T>
int64_t scratch_bytes(const Sizes& largest) {
  Attend<T> attend;
  attend.sizes = largest;
  AttendBackward<T> attend_backward;
  attend_backward.forward.sizes = largest;
  Write<T> write;
  write.sizes = largest;
  WriteBackward<T> write_backward;
  write_backward.sizes = largest;
  const int64_t bytes[] = {attend_with<T>(attend, nullptr), attend_backward_with<T>(attend_backward, nullptr),
                           write_with<T>(write, nullptr), write_backward_with<T>(write_backward, nullptr)};
  int64_t most = 0;
  for (const int64_t each : bytes) most = each > most ? each : most;
  return most;
}

template <typename T>
constexpr SegmentKernels<T> make_kernels() {
  using A = Arithmetic<T>;
  return {
      scratch_bytes<T>,
      [](const Attend<T>& task, char* scratch) { attend_with<T>(task, scratch); },
      [](const AttendBackward<T>& task, char* scratch) { attend_backward_with<T>(task, scratch); },
      write_norm_with<T>,
      [](const Write<T>& task, char* scratch) { write_with<T>(task, scratch); },
      [](const WriteBackward<T>& task, A* dnorm, char* scratch) { delta_norm_backward_with<T>(task, dnorm, scratch); },
      [](const WriteBackward<T>& task, char* scratch) { write_backward_with<T>(task, scratch); },
      [](int64_t m, int64_t n, int64_t k, const A* a, const A* b, A* c, bool accumulate) {
        multiply(m, n, k, a, k, b, n, c, n, accumulate);
      },
  };
}

}  // namespace

namespace INFINI_INSTRUCTION_SET {
extern const SegmentKernels<float> float_kernels = make_kernels<float>();
extern const SegmentKernels<double> double_kernels = make_kernels<double>();
extern const SegmentKernels<BFloat16> bfloat16_kernels = make_kernels<BFloat16>();
extern const SegmentKernels<Half> half_kernels = make_kernels<Half>();
}  // namespace INFINI_INSTRUCTION_SET

}  // namespace infini::ops::cpu
