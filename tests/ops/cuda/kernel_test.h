#pragma once

// What the tests of the kernels share: activations in each dtype and memory layout, and comparison with the reference.

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "host_cuda/device_buffer.h"
#include "ops/cuda/pieces.h"
#include "ops/cuda/reference.h"

namespace infini::ops::cuda {

using host_cuda::DeviceBuffer;
using reference::Numbers;
using reference::Segments;
using reference::Sizes;

using ActivationTypes = ::testing::Types<float, __nv_bfloat16, __half>;

struct TypeName {
  template <typename T>
  static std::string GetName(int) {
    return std::is_same_v<T, float> ? "float" : std::is_same_v<T, __half> ? "half" : "bfloat16";
  }
};

/// The largest relative error of one rounding to T: 24, 8 and 11 significant bits.
template <typename T>
constexpr double roundoff() {
  return std::is_same_v<T, float> ? 0x1p-24 : std::is_same_v<T, __half> ? 0x1p-11 : 0x1p-8;
}
constexpr double float_roundoff = roundoff<float>();

/// The same for the operands of matrix products of T: float for float, bfloat16 for both others.
template <typename T>
constexpr double operand_roundoff() {
  return std::is_same_v<T, float> ? float_roundoff : roundoff<__nv_bfloat16>();
}
/// What an activation loses when it becomes an operand: nothing, except for half.
template <typename T>
constexpr double conversion_roundoff() {
  return std::is_same_v<T, __half> ? operand_roundoff<T>() : 0.0;
}

template <typename T>
T to_element(double x) {
  if constexpr (std::is_same_v<T, float>) {
    return static_cast<float>(x);
  } else if constexpr (std::is_same_v<T, __half>) {
    return __float2half(static_cast<float>(x));
  } else {
    return __float2bfloat16(static_cast<float>(x));
  }
}

template <typename T>
double to_number(T x) {
  return static_cast<double>(static_cast<float>(x));
}

/// Numbers that T can represent, so that the reference and the kernel are given the same.
template <typename T>
Numbers rounded(Numbers numbers) {
  for (double& x : numbers) x = to_number(to_element<T>(x));
  return numbers;
}

template <typename T>
Numbers uniform(int64_t count, std::mt19937& random, double low, double high) {
  std::uniform_real_distribution<double> distribution(low, high);
  Numbers numbers(static_cast<size_t>(count));
  for (double& x : numbers) x = distribution(random);
  return rounded<T>(numbers);
}

inline Numbers absolute(Numbers numbers) {
  for (double& x : numbers) x = std::fabs(x);
  return numbers;
}

inline Numbers scaled(Numbers numbers, double factor) {
  for (double& x : numbers) x *= factor;
  return numbers;
}

inline Numbers sum(Numbers x, const Numbers& y) {
  for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  return x;
}

/// The tolerance of numbers that are stored as T, which may lose their last bits: half has none below 2^-24.
template <typename T>
Numbers stored(Numbers tolerance) {
  for (double& x : tolerance) x += std::is_same_v<T, __half> ? 0x1p-25 : 0;
  return tolerance;
}

inline Extents extents_of(const Sizes& sizes) {
  return {.batch = sizes.batch,
          .heads = sizes.heads,
          .groups = sizes.groups,
          .tokens = sizes.tokens,
          .segment_length = sizes.segment_length,
          .key_width = sizes.key_width,
          .value_width = sizes.value_width};
}

/// A contiguous tensor of floats, or nothing (data() is nullptr) for no numbers.
class Floats {
 public:
  /// To be written; until then NaN.
  explicit Floats(int64_t count) : buffer_(static_cast<size_t>(count)) {}
  explicit Floats(const Numbers& numbers) : buffer_(std::vector<float>(numbers.begin(), numbers.end())) {}
  float* data() { return buffer_.data(); }
  const float* data() const { return buffer_.data(); }
  Numbers numbers() const {
    const auto floats = buffer_.to_host();
    return Numbers(floats.begin(), floats.end());
  }

 private:
  DeviceBuffer<float> buffer_;
};

/// The starts of segments [B,S], or nothing.
class Starts {
 public:
  explicit Starts(const std::vector<bool>& starts)
      : buffer_(std::vector<unsigned char>(starts.begin(), starts.end())) {}
  const bool* data() const { return reinterpret_cast<const bool*>(buffer_.data()); }

 private:
  DeviceBuffer<unsigned char> buffer_;
};

/// How a [batch, heads, tokens, width] tensor lies in memory: as it is written, or as a projection leaves it, tokens
/// outside heads, here with a gap behind each row.
enum class Layout { kHeadsOutside, kTokensOutside };

template <typename T>
class Activations {
 public:
  /// To be written; until then NaN.
  Activations(int64_t batch, int64_t heads, int64_t tokens, int64_t width, Layout layout)
      : batch_(batch),
        heads_(heads),
        tokens_(tokens),
        width_(width),
        row_(layout == Layout::kHeadsOutside ? width : width + gap),
        layout_(layout),
        buffer_(static_cast<size_t>(batch * heads * tokens * row_)) {}

  Activations(const Numbers& numbers, int64_t batch, int64_t heads, int64_t tokens, int64_t width, Layout layout)
      : Activations(batch, heads, tokens, width, layout) {
    auto elements = buffer_.to_host();
    size_t next = 0;
    for_each_row([&](int64_t offset) {
      for (int64_t i = 0; i < width_; ++i)
        elements[static_cast<size_t>(offset + i)] = to_element<T>(numbers.at(next++));
    });
    buffer_ = DeviceBuffer<T>(elements);
  }

  HeadRows<T> heads() {
    if (layout_ == Layout::kHeadsOutside) {
      return {buffer_.data(), heads_ * tokens_ * row_, tokens_ * row_, row_};
    }
    return {buffer_.data(), heads_ * tokens_ * row_, row_, heads_ * row_};
  }
  HeadRows<const T> rows() {
    const HeadRows<T> all = heads();
    return {all.data, all.batch, all.head, all.token};
  }

  /// The elements in the order of [batch, heads, tokens, width]. What lies between rows must have been left alone.
  Numbers numbers() {
    const auto elements = buffer_.to_host();
    Numbers numbers;
    numbers.reserve(static_cast<size_t>(batch_ * heads_ * tokens_ * width_));
    for_each_row([&](int64_t offset) {
      for (int64_t i = 0; i < width_; ++i) numbers.push_back(to_number(elements[static_cast<size_t>(offset + i)]));
      for (int64_t i = width_; i < row_; ++i) {
        EXPECT_TRUE(std::isnan(to_number(elements[static_cast<size_t>(offset + i)]))) << "written behind a row's end";
      }
    });
    return numbers;
  }

 private:
  static constexpr int64_t gap = 8;

  template <typename Body>
  void for_each_row(const Body& body) {
    const HeadRows<T> all = heads();
    for (int64_t b = 0; b < batch_; ++b) {
      for (int64_t h = 0; h < heads_; ++h) {
        for (int64_t t = 0; t < tokens_; ++t) body(all.row(b, h, t) - all.data);
      }
    }
  }

  int64_t batch_, heads_, tokens_, width_, row_;
  Layout layout_;
  DeviceBuffer<T> buffer_;
};

/// Every number within its tolerance of what is expected. NaN never is.
inline void expect_near(const Numbers& actual, const Numbers& expected, const Numbers& tolerance,
                        const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  ASSERT_EQ(actual.size(), tolerance.size()) << what;
  size_t wrong = 0, first = 0;
  for (size_t i = actual.size(); i-- > 0;) {
    if (std::fabs(actual[i] - expected[i]) <= tolerance[i]) continue;
    first = i;
    ++wrong;
  }
  EXPECT_EQ(wrong, 0u) << "of " << actual.size() << " numbers of " << what << "; the first, number " << first << ", is "
                       << actual.at(first) << ", but should be " << expected.at(first) << " ± " << tolerance.at(first);
}

/// The part of [B,G,S,size] that belongs to full segments: [B,G,F,size].
inline Numbers of_full_segments(const Sizes& sizes, const Numbers& states, int64_t size) {
  Numbers full;
  for (int64_t state = 0; state < sizes.batch * sizes.groups * sizes.segments(); ++state) {
    if (state % sizes.segments() >= sizes.full_segments()) continue;
    full.insert(full.end(), states.begin() + state * size, states.begin() + (state + 1) * size);
  }
  return full;
}

/// [B,G,S,size] near what is expected where a segment is full; elsewhere left alone, which is NaN.
inline void expect_near_where_full(const Sizes& sizes, const Numbers& actual, const Numbers& expected,
                                   const Numbers& tolerance, int64_t size, const std::string& what) {
  expect_near(of_full_segments(sizes, actual, size), of_full_segments(sizes, expected, size),
              of_full_segments(sizes, tolerance, size), what);
  for (int64_t i = 0; i < static_cast<int64_t>(actual.size()); ++i) {
    if (i / size % sizes.segments() < sizes.full_segments()) continue;
    EXPECT_TRUE(std::isnan(actual.at(static_cast<size_t>(i)))) << what << " of a partial segment was written";
  }
}

/// What each piece sends, [B,heads,segments,P,size] of all segments or of the full ones, summed over pieces and over
/// the heads of each group: [B,G,S,size], which is what the reference takes.
inline Numbers sum_of_pieces(const Sizes& sizes, const Numbers& pieces, int64_t heads, int64_t segments, int64_t size) {
  const int64_t P = pieces_per_segment(extents_of(sizes)), heads_per_group = heads / sizes.groups;
  Numbers sums(static_cast<size_t>(sizes.batch * sizes.groups * sizes.segments() * size), 0.0);
  for (int64_t i = 0; i < static_cast<int64_t>(pieces.size()); ++i) {
    const int64_t segment = i / size / P % segments, head = i / size / P / segments % heads;
    const int64_t batch = i / size / P / segments / heads;
    sums.at(static_cast<size_t>(sizes.state(batch, head / heads_per_group, segment) * size + i % size)) +=
        pieces.at(static_cast<size_t>(i));
  }
  return sums;
}

/// States before each segment: every memory something, every norm well above 0, except for the states of `empty`.
inline reference::States random_states(const Sizes& sizes, std::mt19937& random,
                                       const std::vector<int64_t>& empty = {}) {
  const int64_t count = sizes.batch * sizes.groups * sizes.segments(), D = sizes.key_width, E = sizes.value_width;
  reference::States states{
      uniform<float>(count * D * E, random, -1, 1), uniform<float>(count * D, random, 0.5, 2), {}, {}};
  for (const int64_t state : empty) {
    std::fill_n(states.memories.begin() + state * D * E, D * E, 0);
    std::fill_n(states.norms.begin() + state * D, D, 0);
  }
  return states;
}

}  // namespace infini::ops::cuda
