#pragma once

// The gradient of one segment, read and written: k and v take part in both, whose shares add up before they are
// rounded.

#include "ops/cpu/attend_backward.h"
#include "ops/cpu/write_backward.h"

namespace infini::ops::cpu {
namespace {

template <typename T, typename O>
int64_t segment_backward_with(const SegmentBackward<T>& task, char* memory) {
  using A = Arithmetic<T>;
  const int64_t n = task.sizes.tokens, D = task.sizes.key_width, E = task.sizes.value_width;
  Scratch scratch(memory);
  A *const dk = scratch.take<A>(n * D), *const dv = scratch.take<A>(n * E);
  if (memory == nullptr) {
    const int64_t read = attend_backward_with<T, O>(*task.read, dk, dv, nullptr);
    const int64_t written = write_backward_with<T, O>(*task.written, dk, dv, nullptr);
    return scratch.used() + (read > written ? read : written);
  }

  char* const rest = memory + scratch.used();
  if (task.read != nullptr) {
    attend_backward_with<T, O>(*task.read, dk, dv, rest);
  } else {
    fill_zero(dk, n * D);
    fill_zero(dv, n * E);
  }
  if (task.written != nullptr) write_backward_with<T, O>(*task.written, dk, dv, rest);
  for (int64_t r = 0; r < n; ++r) {
    copy_row(task.dk[r], dk + r * D, D);
    copy_row(task.dv[r], dv + r * E, E);
  }
  return 0;
}

}  // namespace
}  // namespace infini::ops::cpu
