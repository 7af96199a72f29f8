// Compiled once for each instruction set; INFINI_INSTRUCTION_SET names the copy.
//
// Some tokens are taken at once, so that a row is loaded and widened once for all taps that multiply it; and some
// channels, so that all these rows stay in the first-level cache.

#include "ops/cpu/short_convolution_kernels.h"

#include "ops/cpu/vector_math.h"

namespace infini::ops::cpu {
namespace {

constexpr int64_t tokens_at_once = 4, channels_at_once = 512;

/// The channels begin … end of R tokens.
template <typename T, int W, int R, typename A = Arithmetic<T>>
inline void convolve_tokens(const T* const* rows, const A* taps, int64_t channels, T* const* out, int64_t begin,
                            int64_t end) {
#pragma omp simd
  for (int64_t c = begin; c < end; ++c) {
    A values[W + R - 1];
#pragma GCC unroll 16
    for (int i = 0; i < W + R - 1; ++i) values[i] = load(rows[i][c]);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      A sum = 0;
#pragma GCC unroll 16
      for (int i = 0; i < W; ++i) sum += taps[i * channels + c] * values[r + i];
      store(out[r][c], sum);
    }
  }
}

template <typename T, int W, int R, typename A = Arithmetic<T>>
inline void add_gradients_of_tokens(const T* const* rows, const T* const* dout, int64_t channels, A* dtaps,
                                    int64_t begin, int64_t end) {
#pragma omp simd
  for (int64_t c = begin; c < end; ++c) {
    A values[W + R - 1], gradients[R];
#pragma GCC unroll 16
    for (int i = 0; i < W + R - 1; ++i) values[i] = load(rows[i][c]);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) gradients[r] = load(dout[r][c]);
#pragma GCC unroll 16
    for (int i = 0; i < W; ++i) {
      A sum = dtaps[i * channels + c];
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) sum += gradients[r] * values[r + i];
      dtaps[i * channels + c] = sum;
    }
  }
}

/// Calls body(first token, tokens at once, first channel, last channel) for all tokens and channels.
template <typename Body>
inline void for_each_tile(int64_t tokens, int64_t channels, const Body& body) {
  for (int64_t begin = 0; begin < channels; begin += channels_at_once) {
    const int64_t end = smaller(channels, begin + channels_at_once);
    int64_t t = 0;
    for (; t + tokens_at_once <= tokens; t += tokens_at_once) body(t, true, begin, end);
    for (; t < tokens; ++t) body(t, false, begin, end);
  }
}

template <typename T, int W>
void convolve_with(const Convolve<T>& task) {
  for_each_tile(task.tokens, task.channels, [&](int64_t t, bool several, int64_t begin, int64_t end) {
    if (several) {
      convolve_tokens<T, W, tokens_at_once>(task.rows + t, task.taps, task.channels, task.out + t, begin, end);
    } else {
      convolve_tokens<T, W, 1>(task.rows + t, task.taps, task.channels, task.out + t, begin, end);
    }
  });
}

template <typename T, int W>
void add_tap_gradients_with(const AddTapGradients<T>& task) {
  for_each_tile(task.tokens, task.channels, [&](int64_t t, bool several, int64_t begin, int64_t end) {
    if (several) {
      add_gradients_of_tokens<T, W, tokens_at_once>(task.rows + t, task.dout + t, task.channels, task.dtaps, begin,
                                                    end);
    } else {
      add_gradients_of_tokens<T, W, 1>(task.rows + t, task.dout + t, task.channels, task.dtaps, begin, end);
    }
  });
}

template <typename T>
constexpr ShortConvolutionKernels<T> make_convolution_kernels() {
  return {[](const Convolve<T>& task) {
            constexpr void (*of_width[])(const Convolve<T>&) = {
                convolve_with<T, 2>, convolve_with<T, 3>, convolve_with<T, 4>, convolve_with<T, 5>,
                convolve_with<T, 6>, convolve_with<T, 7>, convolve_with<T, 8>};
            of_width[task.width - 2](task);
          },
          [](const AddTapGradients<T>& task) {
            constexpr void (*of_width[])(const AddTapGradients<T>&) = {
                add_tap_gradients_with<T, 2>, add_tap_gradients_with<T, 3>, add_tap_gradients_with<T, 4>,
                add_tap_gradients_with<T, 5>, add_tap_gradients_with<T, 6>, add_tap_gradients_with<T, 7>,
                add_tap_gradients_with<T, 8>};
            of_width[task.width - 2](task);
          }};
}

}  // namespace

namespace INFINI_INSTRUCTION_SET {
extern const ShortConvolutionKernels<float> float_convolution_kernels = make_convolution_kernels<float>();
extern const ShortConvolutionKernels<double> double_convolution_kernels = make_convolution_kernels<double>();
extern const ShortConvolutionKernels<BFloat16> bfloat16_convolution_kernels = make_convolution_kernels<BFloat16>();
extern const ShortConvolutionKernels<Half> half_convolution_kernels = make_convolution_kernels<Half>();
}  // namespace INFINI_INSTRUCTION_SET

}  // namespace infini::ops::cpu
