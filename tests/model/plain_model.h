#pragma once

#include <torch/torch.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "model/config.h"

namespace infini::plain {

/// The whole model for one row, in plain loops over doubles. It is written only from the paper's formulas, and the
/// tests compare the real model with it.
using Vector = std::vector<double>;
using Rows = std::vector<Vector>;  // [token][feature]

struct Weights {
  std::map<std::string, torch::Tensor> tensors;
  bool has(const std::string& name) const { return tensors.contains(name); }
  double at(const std::string& name, int64_t i) const { return tensors.at(name).const_data_ptr<double>()[i]; }
};

inline Vector rms_norm(const Vector& x, const Weights& weights, const std::string& name, double eps) {
  double squares = 0;
  for (double value : x) squares += value * value;
  Vector result(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    result[i] = x[i] / std::sqrt(squares / static_cast<double>(x.size()) + eps) * weights.at(name, i);
  }
  return result;
}

inline Vector linear(const Vector& x, const Weights& weights, const std::string& name) {
  const int64_t out = weights.tensors.at(name + ".weight").size(0), in = static_cast<int64_t>(x.size());
  Vector result(out, 0.0);
  for (int64_t o = 0; o < out; ++o) {
    for (int64_t i = 0; i < in; ++i) result[o] += weights.at(name + ".weight", o * in + i) * x[i];
    if (weights.has(name + ".bias")) result[o] += weights.at(name + ".bias", o);
  }
  return result;
}

inline Vector head_of(const Vector& x, int64_t head, int64_t width) {
  return {x.begin() + head * width, x.begin() + (head + 1) * width};
}

inline Vector rotated(const Vector& x, int64_t position, double theta) {
  const size_t half = x.size() / 2;
  Vector result(x.size());
  for (size_t i = 0; i < half; ++i) {
    const double angle = static_cast<double>(position) * std::pow(theta, -static_cast<double>(i) / half);
    result[i] = x[i] * std::cos(angle) - x[i + half] * std::sin(angle);
    result[i + half] = x[i + half] * std::cos(angle) + x[i] * std::sin(angle);
  }
  return result;
}

inline Vector sigma(const Vector& x) {
  Vector result;
  for (double value : x) result.push_back(value > 0 ? value + 1 : std::exp(value));
  return result;
}

inline double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

struct Memory {
  Rows M;    // [key feature][value feature]
  Vector z;  // [key feature]
  bool empty() const { return dot(z, z) == 0; }
  Vector retrieve(const Vector& q) const {
    const Vector s = sigma(q);
    Vector result(M[0].size(), 0.0);
    for (size_t i = 0; i < s.size(); ++i) {
      for (size_t j = 0; j < result.size(); ++j) result[j] += s[i] * M[i][j] / dot(s, z);
    }
    return result;
  }
};

/// Each feature by itself: the sum over the last tokens of the same document, the last tap for the token itself.
inline Rows convolved(const Rows& x, const Weights& weights, const std::string& name, const ModelConfig& config,
                      const std::vector<bool>& starts) {
  const int64_t width = config.short_convolution, length = config.memory.segment_length;
  Rows result;
  int64_t document = 0;
  for (int64_t t = 0; t < static_cast<int64_t>(x.size()); ++t) {
    if (length > 0 && t % length == 0 && !starts.empty() && starts[t / length]) document = t;
    result.emplace_back(x[t].size(), 0.0);
    for (int64_t j = 0; j < width && t - j >= document; ++j) {
      for (size_t i = 0; i < x[t].size(); ++i) {
        result[t][i] += weights.at(name + ".weight", static_cast<int64_t>(i) * width + width - 1 - j) * x[t - j][i];
      }
    }
  }
  return result;
}

/// The attention of one layer, all heads. x is already normed. Returns [token][H · D].
inline Rows attention(const Rows& x, const Weights& weights, const std::string& layer, const ModelConfig& config,
                      const std::vector<bool>& starts, const Vector& gain) {
  const int64_t tokens = static_cast<int64_t>(x.size()), width = config.head_dim;
  const int64_t length = config.memory.segment_length == 0 ? tokens : config.memory.segment_length;
  const int64_t group = config.num_attention_heads / config.num_key_value_heads;
  const bool remembers = config.memory.update != "none";
  Rows result(tokens);
  Rows queries, keys, values;
  for (const Vector& row : x) {
    queries.push_back(linear(row, weights, layer + "q_proj"));
    keys.push_back(linear(row, weights, layer + "k_proj"));
    values.push_back(linear(row, weights, layer + "v_proj"));
  }
  if (config.short_convolution > 0) {
    queries = convolved(queries, weights, layer + "q_conv1d", config, starts);
    keys = convolved(keys, weights, layer + "k_conv1d", config, starts);
    values = convolved(values, weights, layer + "v_conv1d", config, starts);
  }
  for (int64_t head = 0; head < config.num_attention_heads; ++head) {
    Memory memory{Rows(width, Vector(width, 0.0)), Vector(width, 0.0)};
    const auto key = [&](int64_t t) {
      const Vector k = head_of(keys[t], head / group, width);
      return config.qk_norm ? rms_norm(k, weights, layer + "k_norm.weight", config.rms_norm_eps) : k;
    };
    for (int64_t first = 0; first < tokens; first += length) {
      const int64_t segment = first / length, last = std::min(tokens, first + length);
      if (!starts.empty() && starts[segment]) memory = {Rows(width, Vector(width, 0.0)), Vector(width, 0.0)};
      for (int64_t t = first; t < last; ++t) {
        Vector q = head_of(queries[t], head, width);
        if (config.qk_norm) q = rms_norm(q, weights, layer + "q_norm.weight", config.rms_norm_eps);
        const Vector turned = rotated(q, t - first, config.rope_theta);
        Vector local(width, 0.0);
        double total = 0;
        for (int64_t s = first; s <= t; ++s) {
          const double score = std::exp(dot(turned, rotated(key(s), s - first, config.rope_theta)) / std::sqrt(width));
          total += score;
          for (int64_t i = 0; i < width; ++i) local[i] += score * head_of(values[s], head / group, width)[i];
        }
        for (double& value : local) value /= total;
        if (remembers && !memory.empty()) {
          const double g = 1 / (1 + std::exp(-weights.at(layer + "memory_gate", head)));
          const Vector retrieved = memory.retrieve(q);
          for (int64_t i = 0; i < width; ++i) local[i] = g * retrieved[i] + (1 - g) * local[i];
        }
        result[t].insert(result[t].end(), local.begin(), local.end());
      }
      if (!remembers || last - first < length) continue;
      const Memory before = memory;
      const double written = gain.empty() ? 1.0 : gain[segment];
      for (int64_t t = first; t < last; ++t) {
        const Vector s = sigma(key(t));
        Vector v = head_of(values[t], head / group, width);
        if (config.memory.update == "delta" && !before.empty()) {
          const Vector known = before.retrieve(key(t));
          for (int64_t i = 0; i < width; ++i) v[i] -= known[i];
        }
        for (int64_t i = 0; i < width; ++i) {
          memory.z[i] += written * s[i];
          for (int64_t j = 0; j < width; ++j) memory.M[i][j] += written * s[i] * v[j];
        }
      }
    }
  }
  return result;
}

/// Logits [N, vocab_size] of one row of tokens.
inline torch::Tensor logits(const Weights& weights, const ModelConfig& config, const std::vector<int64_t>& tokens,
                            const std::vector<bool>& starts = {}, const Vector& gain = {}) {
  const std::string embedding = "model.embed_tokens.weight";
  const auto add = [](Vector& x, const Vector& y) {
    for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  };
  Rows x;
  for (int64_t token : tokens) {
    x.emplace_back();
    for (int64_t i = 0; i < config.hidden_size; ++i) {
      x.back().push_back(weights.at(embedding, token * config.hidden_size + i));
    }
  }
  for (int64_t index = 0; index < config.num_hidden_layers; ++index) {
    const std::string layer = "model.layers." + std::to_string(index) + ".";
    Rows normed;
    for (const Vector& row : x) {
      normed.push_back(rms_norm(row, weights, layer + "input_layernorm.weight", config.rms_norm_eps));
    }
    const Rows attended = attention(normed, weights, layer + "self_attn.", config, starts, gain);
    for (size_t t = 0; t < x.size(); ++t) {
      add(x[t], linear(attended[t], weights, layer + "self_attn.o_proj"));
      const Vector input = rms_norm(x[t], weights, layer + "post_attention_layernorm.weight", config.rms_norm_eps);
      Vector gate = linear(input, weights, layer + "mlp.gate_proj");
      const Vector up = linear(input, weights, layer + "mlp.up_proj");
      for (size_t i = 0; i < gate.size(); ++i) gate[i] *= up[i] / (1 + std::exp(-gate[i]));
      add(x[t], linear(gate, weights, layer + "mlp.down_proj"));
    }
  }
  const std::string head = config.tie_word_embeddings ? "model.embed_tokens" : "lm_head";
  torch::Tensor result = torch::empty({static_cast<int64_t>(tokens.size()), config.vocab_size}, torch::kFloat64);
  for (size_t t = 0; t < tokens.size(); ++t) {
    const Vector row = linear(rms_norm(x[t], weights, "model.norm.weight", config.rms_norm_eps), weights, head);
    result[t].copy_(torch::tensor(row, torch::kFloat64));
  }
  return result;
}

}  // namespace infini::plain
