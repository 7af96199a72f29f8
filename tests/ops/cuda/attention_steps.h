#pragma once

// Every launch of one call of attention and of its gradient, with what each has to move by its definition: for tests of
// traffic and of launches. No number is looked at: tensors are 0, norms 1.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "ops/cuda/delta_update.h"
#include "ops/cuda/delta_update_backward.h"
#include "ops/cuda/linear_update.h"
#include "ops/cuda/retrieve.h"
#include "ops/cuda/retrieve_backward.h"
#include "ops/cuda/rotate.h"
#include "ops/cuda/state_scan.h"
#include "ops/cuda/state_scan_backward.h"
#include "ops/cuda/update_backward.h"

namespace infini::ops::cuda {

/// What a step cannot do without: every input byte read once, every output byte written once.
struct Needs {
  int64_t read = 0, written = 0;
  /// Of these, gradients of states that are kept apart for each piece of a segment, to be summed in a fixed order
  /// later.
  int64_t of_pieces = 0;
  /// Multiplications and additions of matrix products: of operands of T, and of float on states alone.
  int64_t operations = 0, state_operations = 0;
};

struct Step {
  std::string name;
  Needs needs;
  std::function<void()> launch;
};

/// Zeros in memory aligned as a device's is. Until it is touched it takes none: tensors may be as large as on a device.
template <typename T>
class Zeros {
 public:
  explicit Zeros(int64_t count) : memory_(std::calloc(static_cast<size_t>(count) * sizeof(T) + alignment, 1)) {
    if (memory_ == nullptr) throw std::bad_alloc();
  }
  T* data() {
    const auto address = reinterpret_cast<uintptr_t>(memory_.get());
    return reinterpret_cast<T*>((address + alignment - 1) / alignment * alignment);
  }

 private:
  static constexpr size_t alignment = 256;
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
};

template <typename T>
class AttentionSteps {
 public:
  explicit AttentionSteps(const Extents& extents) : x(extents) { std::fill_n(norms_.data(), states * D, 1.0f); }

  /// In the order of the op; `steps` refer to this object.
  std::vector<Step> all() {
    std::vector<Step> steps = forward();
    for (Step& step : backward()) steps.push_back(std::move(step));
    return steps;
  }

 private:
  std::vector<Step> forward() {
    const int64_t bytes_written = full * (D * E + D) * f;
    return {
        {"rotate",
         {.read = (queries + keys) * D * t + tables, .written = (queries + keys) * D * t},
         [this] {
           launch_rotate<T>({x, q_.rows(), k_.rows(), cos_.data(), sin_.data(), dq_.heads(), dk_.heads()}, nullptr);
         }},
        {"linear_update",
         {.read = written_keys * (D + E) * t, .written = bytes_written, .operations = 2 * written_keys * D * E},
         [this] {
           launch_linear_update<T>({x, k_.rows(), v_.rows(), nullptr, memories_.data(), norms_.data()}, nullptr);
         }},
        {"linear_state_scan",
         {.read = bytes_written + pairs * (D * E + D) * f, .written = (states + pairs) * (D * E + D) * f},
         [this] { launch_state_scan(scan(true, true, false), nullptr); }},
        {"delta_written_norm",
         {.read = written_keys * D * t, .written = full * D * f},
         [this] {
           launch_written_norm<T>({x, k_.rows(), nullptr, norms_.data()}, nullptr);
         }},
        {"delta_norm_scan",
         {.read = (full + pairs) * D * f, .written = (states + pairs) * D * f},
         [this] { launch_state_scan(scan(false, true, false), nullptr); }},
        {"delta_update",
         {.read = written_keys * (D + E) * t + full * D * f,
          .written = full * (D * E + D * D) * f,
          .operations = 2 * written_keys * D * (D + E)},
         [this] {
           launch_delta_update<T>(
               {x, k_.rows(), v_.rows(), nullptr, norms_.data(), memories_.data(), transitions_.data()}, nullptr);
         }},
        {"delta_state_scan",
         {.read = full * (D * E + D * D) * f + pairs * D * E * f,
          .written = (states + pairs) * D * E * f,
          .state_operations = 2 * full * D * D * E},
         [this] { launch_state_scan(scan(true, false, true), nullptr); }},
        {"retrieve",
         {.read = queries * (D + E) * t + states * (D * E + D) * f + x.heads * f,
          .written = queries * E * t,
          .operations = 2 * queries * D * E},
         [this] {
           launch_retrieve<T>(
               {x, q_.rows(), local_.rows(), beta_.data(), memories_.data(), norms_.data(), out_.heads()}, nullptr);
         }},
    };
  }

  std::vector<Step> backward() {
    const int64_t read_pieces = read_of_pieces * (D * E + D) * f, write_pieces = written_of_pieces * D * f;
    const int64_t update_read = written_keys * (D + 2 * E) * t + full * (D * E + D) * f;
    const int64_t memory_written = (full + pairs) * D * E * f, norm_written = (full + pairs) * D * f;
    return {
        {"retrieve_backward",
         {.read = queries * (D + 2 * E) * t + states * (D * E + D) * f + x.heads * f,
          .written = queries * (D + E) * t + read_pieces + read_of_pieces * f,
          .of_pieces = read_pieces + read_of_pieces * f,
          .operations = 6 * queries * D * E},
         [this] { launch_retrieve_backward(retrieve_backward(), nullptr); }},
        {"linear_memory_scan_backward",
         {.read = read_of_pieces * D * E * f + pairs * D * E * f,
          .written = memory_written,
          .of_pieces = read_of_pieces * D * E * f},
         [this] { launch_state_scan_backward(scan_memory_backward(nullptr), nullptr); }},
        {"linear_norm_scan_backward",
         {.read = (read_of_pieces + pairs) * D * f, .written = norm_written, .of_pieces = read_of_pieces * D * f},
         [this] { launch_state_scan_backward(scan_norm_backward(nullptr), nullptr); }},
        {"delta_memory_scan_backward",
         {.read = read_of_pieces * D * E * f + full * D * D * f + pairs * D * E * f,
          .written = memory_written,
          .of_pieces = read_of_pieces * D * E * f,
          .state_operations = 2 * full * D * D * E},
         [this] { launch_state_scan_backward(scan_memory_backward(transitions_.data()), nullptr); }},
        {"delta_coupling",
         {.read = 2 * full * D * E * f, .written = full * D * D * f, .operations = 4 * full * D * D * E},
         [this] {
           launch_delta_coupling<T>({x, nullptr, memories_.data(), dmemories_after_.data(), couplings_.data()},
                                    nullptr);
         }},
        {"delta_norm_backward",
         {.read = written_keys * D * t + full * (D * D + D) * f,
          .written = write_pieces + written_keys * f,
          .of_pieces = write_pieces,
          .operations = 2 * written_keys * D * D},
         [this] {
           launch_delta_norm_backward<T>(
               {x, k_.rows(), norms_.data(), couplings_.data(), dnorms_of_delta_.data(), weights_.data()}, nullptr);
         }},
        {"delta_norm_scan_backward",
         {.read = (read_of_pieces + written_of_pieces + pairs) * D * f,
          .written = norm_written,
          .of_pieces = (read_of_pieces + written_of_pieces) * D * f},
         [this] { launch_state_scan_backward(scan_norm_backward(dnorms_of_delta_.data()), nullptr); }},
        {"linear_update_backward",
         {.read = update_read, .written = written_keys * (D + E) * t, .operations = 4 * written_keys * D * E},
         [this] { launch_update_backward(update_backward(false), nullptr); }},
        {"delta_update_backward",
         {.read = update_read + full * (D * D + D) * f + written_keys * f,
          .written = written_keys * (D + E) * t,
          .operations = written_keys * (4 * D * E + 2 * D * D)},
         [this] { launch_update_backward(update_backward(true), nullptr); }},
        {"rotate_backward",
         {.read = 2 * (queries + keys) * D * t + tables, .written = (queries + keys) * D * t},
         [this] {
           launch_rotate_backward<T>({x, dq_.rows(), dk_.rows(), cos_.data(), sin_.data(), q_.heads(), k_.heads()},
                                     nullptr);
         }},
    };
  }

  StateScanArguments scan(bool memories, bool norms, bool delta) {
    StateScanArguments arguments;
    arguments.extents = x;
    if (delta) arguments.transitions = transitions_.data();
    if (memories) {
      arguments.memories = memories_.data();
      arguments.memory_in = arguments.memory_out = memory_.data();
    }
    if (norms) {
      arguments.norms = norms_.data();
      arguments.norm_in = arguments.norm_out = norm_.data();
    }
    return arguments;
  }

  RetrieveBackwardArguments<T> retrieve_backward() {
    return {
        x,           q_.rows(),       local_.rows(),     dout_.rows(),   beta_.data(),  memories_.data(), norms_.data(),
        dq_.heads(), dlocal_.heads(), dmemories_.data(), dnorms_.data(), dbetas_.data()};
  }

  StateScanBackwardArguments scan_memory_backward(const float* transitions) {
    StateScanBackwardArguments arguments;
    arguments.extents = x;
    arguments.transitions = transitions;
    arguments.dmemories = dmemories_.data();
    arguments.dmemory_out = arguments.dmemory_in = memory_.data();
    arguments.dmemories_after = dmemories_after_.data();
    return arguments;
  }

  StateScanBackwardArguments scan_norm_backward(const float* dnorms_of_delta) {
    StateScanBackwardArguments arguments;
    arguments.extents = x;
    arguments.dnorms = dnorms_.data();
    arguments.dnorms_of_delta = dnorms_of_delta;
    arguments.dnorm_out = arguments.dnorm_in = norm_.data();
    arguments.dnorms_after = dnorms_after_.data();
    return arguments;
  }

  UpdateBackwardArguments<T> update_backward(bool delta) {
    UpdateBackwardArguments<T> arguments;
    arguments.extents = x;
    arguments.k = k_.rows();
    arguments.v = v_.rows();
    arguments.dmemories_after = dmemories_after_.data();
    arguments.dnorms_after = dnorms_after_.data();
    if (delta) {
      arguments.norms = norms_.data();
      arguments.couplings = couplings_.data();
      arguments.weights = weights_.data();
    }
    arguments.dv_local = dv_local_.rows();
    arguments.dk = dk_.heads();
    arguments.dv = dv_.heads();
    return arguments;
  }

  /// A [B, heads, N, width] tensor, tokens before heads in memory: as a projection leaves it.
  class Rows {
   public:
    Rows(const Extents& x, int64_t heads, int64_t width)
        : tokens_(x.tokens), count_(heads), width_(width), zeros_(x.batch * heads * x.tokens * width) {}
    HeadRows<T> heads() { return {zeros_.data(), tokens_ * count_ * width_, width_, count_ * width_}; }
    HeadRows<const T> rows() {
      const HeadRows<T> all = heads();
      return {all.data, all.batch, all.head, all.token};
    }

   private:
    int64_t tokens_, count_, width_;
    Zeros<T> zeros_;
  };

  const Extents x;
  // Rows, states, pieces, and the bytes of T, of float and of both tables.
  const int64_t D = x.key_width, E = x.value_width;
  const int64_t queries = x.batch * x.heads * x.tokens, keys = x.batch * x.groups * x.tokens;
  const int64_t pairs = x.batch * x.groups, states = pairs * x.segments(), full = pairs * x.full_segments();
  const int64_t written_keys = full * x.segment_length;
  const int64_t read_of_pieces = x.batch * x.heads * x.segments() * pieces_per_segment(x);
  const int64_t written_of_pieces = full * pieces_per_segment(x);
  const int64_t t = sizeof(T), f = sizeof(float), tables = 2 * x.segment_length * D * f;

  Rows q_{x, x.heads, D}, local_{x, x.heads, E}, out_{x, x.heads, E}, k_{x, x.groups, D}, v_{x, x.groups, E};
  Rows dout_{x, x.heads, E}, dlocal_{x, x.heads, E}, dq_{x, x.heads, D};
  Rows dv_local_{x, x.groups, E}, dk_{x, x.groups, D}, dv_{x, x.groups, E};
  Zeros<float> cos_{x.segment_length * D}, sin_{x.segment_length * D}, beta_{x.heads};
  Zeros<float> memory_{pairs * D * E}, norm_{pairs * D}, memories_{states * D * E}, norms_{states * D};
  Zeros<float> transitions_{full * D * D}, couplings_{full * D * D}, weights_{written_keys};
  Zeros<float> dmemories_{read_of_pieces * D * E}, dnorms_{read_of_pieces * D}, dbetas_{read_of_pieces};
  Zeros<float> dnorms_of_delta_{written_of_pieces * D}, dmemories_after_{full * D * E}, dnorms_after_{full * D};
};

}  // namespace infini::ops::cuda
