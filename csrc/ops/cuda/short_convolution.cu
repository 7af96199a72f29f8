// The short convolution of each channel over the tokens of a document, and its gradient. With z_t = x_t, or
// before_{w−1+t} for t < 0:
//
//   y_t  = Σ_i taps_i z_{t−(w−1)+i}
//   dz_t = Σ_i taps_i dy_{t+(w−1)−i}        dtaps_i = Σ_t dy_t z_{t−(w−1)+i}
//
// A thread walks along a run of tokens with 4 channels, and keeps the w − 1 rows that it has passed in registers:
// forward those before a token, backward, from the last token to the first, the gradients of those after it. It sets
// them to zero where it passes the beginning of a document. So every row is loaded once, and w − 1 of the next run as
// well. In float; the sums over the runs of a block are in a fixed order.

#include "ops/cuda/element.cuh"
#include "ops/cuda/short_convolution.h"

namespace infini::ops::cuda {
namespace {

/// Channels of a thread: 8 bytes of bfloat16, 16 of float.
constexpr int channels_at_once = 4;
constexpr int lanes = 32;
constexpr int block_channels = lanes * channels_at_once;
constexpr int run_tokens = 16;
constexpr int runs = static_cast<int>(convolution_piece) / run_tokens;
constexpr int threads = runs * lanes;

using Row = float[channels_at_once];

/// What a thread works on.
struct Run {
  int64_t batch, piece, channel, begin, end;
  int lane, number;

  __device__ explicit Run(const ConvolutionExtents& x) {
    const int64_t channel_blocks = (x.channels + block_channels - 1) / block_channels;
    const int64_t block = blockIdx.x / channel_blocks, pieces = convolution_pieces(x);
    lane = static_cast<int>(threadIdx.x) % lanes;
    number = static_cast<int>(threadIdx.x) / lanes;
    batch = block / pieces;
    piece = block % pieces;
    channel = blockIdx.x % channel_blocks * block_channels + lane * channels_at_once;
    begin = piece * convolution_piece + number * run_tokens;
    end = begin + run_tokens < x.tokens ? begin + run_tokens : x.tokens;
  }
  __device__ bool is_empty(const ConvolutionExtents& x) const { return channel >= x.channels || begin >= end; }
};

/// Knows at every token whether a document begins with it, without a division for each.
class Documents {
 public:
  /// At `token`. Below 0 and behind the last, none begins.
  __device__ Documents(const bool* starts, const ConvolutionExtents& x, int64_t batch, int64_t token)
      : starts_(starts == nullptr ? nullptr : starts + batch * x.segments()),
        tokens_(x.tokens),
        length_(x.segment_length),
        token_(token),
        segment_(token < 0 ? 0 : token / x.segment_length),
        position_(token - segment_ * x.segment_length) {}

  __device__ bool begins() const {
    return position_ == 0 && token_ < tokens_ && starts_ != nullptr && starts_[segment_];
  }
  __device__ void advance() {
    ++token_;
    if (++position_ == length_) {
      position_ = 0;
      ++segment_;
    }
  }
  __device__ void go_back() {
    --token_;
    if (--position_ < 0 && token_ >= 0) {
      position_ = length_ - 1;
      --segment_;
    }
  }

 private:
  const bool* starts_;
  int64_t tokens_, length_, token_, segment_, position_;
};

template <int W>
__device__ __forceinline__ void load_taps(const float* taps, int64_t channels, int64_t channel, Row (&out)[W]) {
#pragma unroll
  for (int i = 0; i < W; ++i) load_floats(taps + i * channels + channel, out[i]);
}

template <int Count>
__device__ __forceinline__ void clear(Row (&rows)[Count]) {
#pragma unroll
  for (int i = 0; i < Count; ++i) {
#pragma unroll
    for (int c = 0; c < channels_at_once; ++c) rows[i][c] = 0.0f;
  }
}

__device__ __forceinline__ void add_product(Row& sum, const Row& a, const Row& b) {
#pragma unroll
  for (int c = 0; c < channels_at_once; ++c) sum[c] += a[c] * b[c];
}

/// The last row leaves, and `fresh` comes in at place 0.
template <int Count>
__device__ __forceinline__ void push(Row (&rows)[Count], const Row& fresh) {
#pragma unroll
  for (int i = Count - 1; i >= 0; --i) {
#pragma unroll
    for (int c = 0; c < channels_at_once; ++c) rows[i][c] = i == 0 ? fresh[c] : rows[i - 1][c];
  }
}

/// The place of a token's channels in a tensor like x, or like `before` for a token ahead of x.
template <typename T>
__device__ __forceinline__ T* row_at(T* tokens, T* before, const ConvolutionExtents& x, const Run& run, int64_t token) {
  const int64_t earlier = x.width - 1;
  return (token < 0 ? before + (run.batch * earlier + earlier + token) * x.channels
                    : tokens + (run.batch * x.tokens + token) * x.channels) +
         run.channel;
}

template <typename T, int W>
__global__ void __launch_bounds__(threads) short_convolution(ShortConvolutionArguments<T> arguments) {
  const ConvolutionExtents& x = arguments.extents;
  const Run run(x);
  if (run.is_empty(x)) return;
  Row taps[W], passed[W - 1];  // passed: the last token at place 0
  load_taps(arguments.taps, x.channels, run.channel, taps);
  clear(passed);
  Documents documents(arguments.starts, x, run.batch, run.begin - (W - 1));
  for (int64_t t = run.begin - (W - 1); t < run.end; ++t, documents.advance()) {
    if (documents.begins()) clear(passed);
    Row own;
    load_floats(row_at(arguments.x, arguments.before, x, run, t), own);
    if (t >= run.begin) {
      Row y = {};
#pragma unroll
      for (int i = 0; i < W - 1; ++i) add_product(y, taps[i], passed[W - 2 - i]);
      add_product(y, taps[W - 1], own);
      store_floats(arguments.y + (run.batch * x.tokens + t) * x.channels + run.channel, y);
    }
    push(passed, own);
  }
}

/// Adds up the sums of the block's runs, in their order.
template <int W>
__device__ __forceinline__ void add_runs(const Row (&sums)[W], const Run& run, const ConvolutionExtents& x,
                                         float* dtaps) {
  INFINI_DYNAMIC_SHARED(float, shared);  // [runs, w, block_channels]
#pragma unroll
  for (int i = 0; i < W; ++i) {
    store_floats(shared + (run.number * W + i) * block_channels + run.lane * channels_at_once, sums[i]);
  }
  __syncthreads();
  const int64_t first_channel = run.channel - run.lane * channels_at_once;
  float* const out = dtaps + (run.batch * convolution_pieces(x) + run.piece) * W * x.channels + first_channel;
  for (int index = static_cast<int>(threadIdx.x); index < W * block_channels; index += threads) {
    const int tap = index / block_channels, channel = index % block_channels;
    if (first_channel + channel >= x.channels) continue;
    float sum = 0.0f;
    for (int number = 0; number < runs; ++number) sum += shared[(number * W + tap) * block_channels + channel];
    out[tap * x.channels + channel] = sum;
  }
}

template <typename T, int W>
__global__ void __launch_bounds__(threads) short_convolution_backward(ShortConvolutionBackwardArguments<T> arguments) {
  const ConvolutionExtents& x = arguments.extents;
  const Run run(x);
  Row dtaps[W];
  clear(dtaps);
  if (!run.is_empty(x)) {
    Row taps[W], passed[W - 1];  // passed: the gradient of the next token at place 0
    load_taps(arguments.taps, x.channels, run.channel, taps);
    clear(passed);
    // The first run goes on through the tokens ahead of x.
    const int64_t first = run.begin == 0 ? 1 - W : run.begin;
    Documents next(arguments.starts, x, run.batch, run.end + W - 1);
    for (int64_t t = run.end + W - 2; t >= first; --t, next.go_back()) {
      if (next.begins()) clear(passed);
      Row own = {};
      if (t >= 0 && t < x.tokens) {
        load_floats(arguments.dy + (run.batch * x.tokens + t) * x.channels + run.channel, own);
      }
      if (t < run.end) {
        if (arguments.dx != nullptr) {
          Row dz = {};
#pragma unroll
          for (int i = 0; i < W - 1; ++i) add_product(dz, taps[i], passed[W - 2 - i]);
          add_product(dz, taps[W - 1], own);
          store_floats(row_at(arguments.dx, arguments.dbefore, x, run, t), dz);
        }
        if (arguments.dtaps != nullptr) {
          Row z;
          load_floats(row_at(arguments.x, arguments.before, x, run, t), z);
#pragma unroll
          for (int i = 0; i < W - 1; ++i) add_product(dtaps[i], z, passed[W - 2 - i]);
          add_product(dtaps[W - 1], z, own);
        }
      }
      push(passed, own);
    }
  }
  if (arguments.dtaps != nullptr) add_runs(dtaps, run, x, arguments.dtaps);
}

/// Calls body(std::integral_constant<int, w>, grid).
template <typename Body>
void with_taps(const ConvolutionExtents& x, const Body& body) {
  if (x.channels % channels_at_once != 0) {
    throw std::runtime_error("the CUDA kernels convolve multiples of 4 channels, not " + std::to_string(x.channels));
  }
  const int64_t channel_blocks = (x.channels + block_channels - 1) / block_channels;
  const dim3 grid = grid_of(channel_blocks * convolution_pieces(x) * x.batch);
  switch (x.width) {
    case 2:
      return body(std::integral_constant<int, 2>(), grid);
    case 3:
      return body(std::integral_constant<int, 3>(), grid);
    case 4:
      return body(std::integral_constant<int, 4>(), grid);
    case 5:
      return body(std::integral_constant<int, 5>(), grid);
    case 6:
      return body(std::integral_constant<int, 6>(), grid);
    case 7:
      return body(std::integral_constant<int, 7>(), grid);
    case 8:
      return body(std::integral_constant<int, 8>(), grid);
    default:
      throw std::runtime_error("the CUDA kernels convolve over 2 to 8 tokens, not " + std::to_string(x.width));
  }
}

}  // namespace

template <typename T>
void launch_short_convolution(const ShortConvolutionArguments<T>& arguments, cudaStream_t stream) {
  with_taps(arguments.extents, [&](auto W, dim3 grid) {
    INFINI_LAUNCH((short_convolution<T, W()>), grid, dim3(threads), 0, stream, arguments);
  });
}

template <typename T>
void launch_short_convolution_backward(const ShortConvolutionBackwardArguments<T>& arguments, cudaStream_t stream) {
  with_taps(arguments.extents, [&](auto W, dim3 grid) {
    constexpr size_t shared_bytes = sizeof(float) * runs * W() * block_channels;
    INFINI_LAUNCH((short_convolution_backward<T, W()>), grid, dim3(threads), shared_bytes, stream, arguments);
  });
}

template void launch_short_convolution(const ShortConvolutionArguments<float>&, cudaStream_t);
template void launch_short_convolution(const ShortConvolutionArguments<__nv_bfloat16>&, cudaStream_t);
template void launch_short_convolution(const ShortConvolutionArguments<__half>&, cudaStream_t);
template void launch_short_convolution_backward(const ShortConvolutionBackwardArguments<float>&, cudaStream_t);
template void launch_short_convolution_backward(const ShortConvolutionBackwardArguments<__nv_bfloat16>&, cudaStream_t);
template void launch_short_convolution_backward(const ShortConvolutionBackwardArguments<__half>&, cudaStream_t);

}  // namespace infini::ops::cuda
