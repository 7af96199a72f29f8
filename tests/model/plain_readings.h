#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "model/attention_observer.h"
#include "model/plain_model.h"

namespace infini::plain {

/// The readings of a compressive memory in plain loops over doubles, from the inputs of each layer's attention, in
/// double. Only the singular values come from torch: as roots of the eigenvalues of MᵀM.
class Readings : public AttentionObserver {
 public:
  void observe(int64_t layer, const ops::AttentionArguments& attention) override {
    const int64_t groups = attention.k.size(1), group = attention.q.size(1) / groups;
    for (const char* const name : {"retrieval_error", "z", "z_per_segment", "effective_rank"}) {
      values[name].resize(layer + 1, Vector(groups, 0.0));
    }
    values["retrieval_norm"].resize(layer + 1, Vector(groups * group, 0.0));
    for (int64_t g = 0; g < groups; ++g) read_memory(layer, g, group, attention);
  }

  std::map<std::string, Rows> values;  ///< by name: [layer][head]

 private:
  static Vector vector_of(const torch::Tensor& vector) {
    const torch::Tensor exact = vector.to(torch::kFloat64).contiguous();
    return {exact.const_data_ptr<double>(), exact.const_data_ptr<double>() + exact.numel()};
  }
  static double square(const Vector& x, const Vector& y) {
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) sum += (x[i] - y[i]) * (x[i] - y[i]);
    return sum;
  }
  static double mean(const Vector& x) { return dot(x, Vector(x.size(), 1.0)) / static_cast<double>(x.size()); }

  void read_memory(int64_t layer, int64_t g, int64_t group, const ops::AttentionArguments& attention) {
    const int64_t rows = attention.q.size(0), tokens = attention.q.size(2), length = attention.segment_length;
    const int64_t full = tokens / length;
    Vector norms(group, 0.0), reads(group, 0.0);
    double error = 0, z = 0, z_per_segment = 0, written_rows = 0;
    for (int64_t b = 0; b < rows; ++b) {
      const auto key = [&](int64_t t) { return vector_of(attention.k[b][g][t]); };
      const auto value = [&](int64_t t) { return vector_of(attention.v[b][g][t]); };
      Memory memory{{}, vector_of(attention.norm[b][g])};
      for (int64_t i = 0; i < attention.memory.size(2); ++i) memory.M.push_back(vector_of(attention.memory[b][g][i]));
      const Memory none{Rows(memory.M.size(), Vector(memory.M[0].size(), 0.0)), Vector(memory.z.size(), 0.0)};
      for (int64_t segment = 0; segment * length < tokens; ++segment) {
        if (attention.starts && (*attention.starts)[b][segment].item<bool>()) memory = none;
        const int64_t first = segment * length, last = std::min(first + length, tokens);
        for (int64_t h = 0; h < group && !memory.empty(); ++h) {
          for (int64_t t = first; t < last; ++t) {
            norms[h] += std::sqrt(
                square(memory.retrieve(vector_of(attention.q[b][g * group + h][t])), Vector(memory.z.size(), 0.0)));
            reads[h] += 1;
          }
        }
        if (last - first < length) continue;
        const double gain = attention.gain ? (*attention.gain)[b][segment].item<double>() : 1.0;
        const Memory before = memory;
        for (int64_t t = first; t < last; ++t) {
          const Vector s = sigma(key(t));
          Vector v = value(t);
          if (attention.update == "delta" && !before.empty()) {
            const Vector known = before.retrieve(key(t));
            for (size_t i = 0; i < v.size(); ++i) v[i] -= known[i];
          }
          for (size_t i = 0; i < s.size(); ++i) {
            memory.z[i] += gain * s[i];
            for (size_t j = 0; j < v.size(); ++j) memory.M[i][j] += gain * s[i] * v[j];
          }
        }
        z_per_segment += (mean(memory.z) - mean(before.z)) / static_cast<double>(full * rows);
      }
      if (b == 0) values["effective_rank"][layer][g] = effective_rank(memory.M);
      if (memory.empty()) continue;
      written_rows += 1;
      z += mean(memory.z);
      Vector mean_value(memory.z.size(), 0.0), mean_returned = mean_value;
      for (int64_t t = (full - 1) * length; t < full * length; ++t) {
        for (size_t i = 0; i < mean_value.size(); ++i) {
          mean_value[i] += value(t)[i] / static_cast<double>(length);
          mean_returned[i] += memory.retrieve(key(t))[i] / static_cast<double>(length);
        }
      }
      double missed = 0, spread = 0;
      for (int64_t t = (full - 1) * length; t < full * length; ++t) {
        Vector returned = memory.retrieve(key(t));
        for (size_t i = 0; i < returned.size(); ++i) returned[i] += mean_value[i] - mean_returned[i];
        missed += square(returned, value(t));
        spread += square(mean_value, value(t));
      }
      error += missed / spread;
    }
    values["retrieval_error"][layer][g] = error / written_rows;
    values["z"][layer][g] = z / written_rows;
    values["z_per_segment"][layer][g] = z_per_segment;
    for (int64_t h = 0; h < group; ++h) values["retrieval_norm"][layer][g * group + h] = norms[h] / reads[h];
  }

  static double effective_rank(const Rows& matrix) {
    torch::Tensor square =
        torch::zeros({static_cast<int64_t>(matrix.size()), static_cast<int64_t>(matrix.size())}, torch::kFloat64);
    for (size_t i = 0; i < matrix.size(); ++i) {
      for (size_t j = 0; j < matrix.size(); ++j) square[i][j] = dot(matrix[i], matrix[j]);
    }
    const Vector squares = vector_of(at::linalg_eigvalsh(square));
    double sum = 0, entropy = 0;
    for (const double value : squares) sum += std::sqrt(std::max(value, 0.0));
    for (const double value : squares) {
      const double share = std::sqrt(std::max(value, 0.0)) / sum;
      if (share > 0) entropy -= share * std::log(share);
    }
    return std::exp(entropy);
  }
};

}  // namespace infini::plain
