#pragma once

#include <algorithm>
#include <cmath>

// Device functions for which CUDA's headers give a plain C++ compiler no definition.

using std::max;
using std::min;

inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __fdividef(float x, float y) { return x / y; }

namespace host_cuda {

inline float reciprocal_square_root(float x) { return 1.0f / std::sqrt(x); }

}  // namespace host_cuda

#define rsqrtf ::host_cuda::reciprocal_square_root

template <typename T>
T __ldg(const T* from) {
  return *from;
}
