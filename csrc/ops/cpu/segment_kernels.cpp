// Compiled once for each instruction set; INFINI_INSTRUCTION_SET names the copy.

#include "ops/cpu/segment_kernels.h"

#include "ops/cpu/attend.h"
#include "ops/cpu/retrieve_backward.h"
#include "ops/cpu/segment_backward.h"
#include "ops/cpu/write.h"

namespace infini::ops::cpu {
namespace {

/// Products take bfloat16 operands where the machine multiplies those faster and the widths are whole panels.
template <typename T>
bool has_bfloat16_operands(const Sizes& sizes) {
  if constexpr (std::is_same_v<T, BFloat16>) {
    static const bool supported = has_bfloat16_product();
    return supported && sizes.key_width % panel_columns == 0 && sizes.value_width % panel_columns == 0;
  } else {
    return false;
  }
}

/// Calls body with a value of the operands' type.
template <typename T, typename Body>
auto with_operand(const Sizes& sizes, const Body& body) {
  if constexpr (std::is_same_v<T, BFloat16>) {
    if (has_bfloat16_operands<T>(sizes)) return body(BFloat16{});
  }
  return body(Arithmetic<T>{});
}

template <typename T>
int64_t scratch_bytes(const Sizes& largest) {
  return with_operand<T>(largest, [&](auto operand) {
    using O = decltype(operand);
    Attend<T> attend;
    attend.sizes = largest;
    AttendBackward<T> attend_backward;
    attend_backward.forward.sizes = largest;
    Write<T> write;
    write.sizes = largest;
    WriteBackward<T> write_backward;
    write_backward.sizes = largest;
    SegmentBackward<T> segment_backward{&attend_backward, &write_backward, largest, {}, {}};
    const int64_t bytes[] = {attend_with<T, O>(attend, nullptr), write_with<T, O>(write, nullptr),
                             retrieve_backward_with<T, O>(attend_backward, nullptr),
                             norm_backward_with<T, O>(write_backward, nullptr, nullptr),
                             segment_backward_with<T, O>(segment_backward, nullptr)};
    int64_t most = 0;
    for (const int64_t each : bytes) most = each > most ? each : most;
    return most;
  });
}

template <typename T>
constexpr SegmentKernels<T> make_kernels() {
  using A = Arithmetic<T>;
  return {
      scratch_bytes<T>,
      [](const Attend<T>& task, char* scratch) {
        with_operand<T>(task.sizes, [&](auto operand) { return attend_with<T, decltype(operand)>(task, scratch); });
      },
      write_norm_with<T>,
      [](const Write<T>& task, char* scratch) {
        with_operand<T>(task.sizes, [&](auto operand) { return write_with<T, decltype(operand)>(task, scratch); });
      },
      [](const AttendBackward<T>& task, char* scratch) {
        with_operand<T>(task.forward.sizes,
                        [&](auto operand) { return retrieve_backward_with<T, decltype(operand)>(task, scratch); });
      },
      [](const WriteBackward<T>& task, A* dnorm_before, char* scratch) {
        with_operand<T>(task.sizes, [&](auto operand) {
          return norm_backward_with<T, decltype(operand)>(task, dnorm_before, scratch);
        });
      },
      [](const SegmentBackward<T>& task, char* scratch) {
        with_operand<T>(task.sizes,
                        [&](auto operand) { return segment_backward_with<T, decltype(operand)>(task, scratch); });
      },
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
