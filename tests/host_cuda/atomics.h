#pragma once

// Atomic operations on memory: threads are switched at barriers alone, so each operation is one by itself.

template <typename T>
T atomicAdd(T* to, T value) {
  const T before = *to;
  *to = before + value;
  return before;
}
