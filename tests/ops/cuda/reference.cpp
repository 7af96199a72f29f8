#include "ops/cuda/reference.h"

#include <algorithm>
#include <cmath>

namespace infini::ops::cuda::reference {
namespace {

Numbers zeros(int64_t count) { return Numbers(static_cast<size_t>(count), 0.0); }

double dot(const double* x, const double* y, int64_t width) {
  double sum = 0;
  for (int64_t i = 0; i < width; ++i) sum += x[i] * y[i];
  return sum;
}

/// out += factor · x
void add(double* out, const double* x, int64_t width, double factor = 1) {
  for (int64_t i = 0; i < width; ++i) out[i] += factor * x[i];
}

Numbers sigma_row(const double* x, int64_t width) {
  Numbers row = zeros(width);
  std::transform(x, x + width, row.begin(), sigma);
  return row;
}

/// xᵀ · matrix: x [rows], matrix [rows, columns].
Numbers row_times(const double* x, const double* matrix, int64_t rows, int64_t columns) {
  Numbers product = zeros(columns);
  for (int64_t i = 0; i < rows; ++i) add(product.data(), matrix + i * columns, columns, x[i]);
  return product;
}

/// matrix · x: matrix [rows, columns], x [columns].
Numbers times_column(const double* matrix, const double* x, int64_t rows, int64_t columns) {
  Numbers product = zeros(rows);
  for (int64_t i = 0; i < rows; ++i) product[i] = dot(matrix + i * columns, x, columns);
  return product;
}

/// matrix += factor · x yᵀ: matrix [rows, columns].
void add_outer(double* matrix, const double* x, const double* y, int64_t rows, int64_t columns, double factor = 1) {
  for (int64_t i = 0; i < rows; ++i) add(matrix + i * columns, y, columns, factor * x[i]);
}

bool starts_at(const Sizes& sizes, const Segments& segments, int64_t b, int64_t s) {
  return !segments.starts.empty() && segments.starts[b * sizes.segments() + s];
}

double gain_at(const Sizes& sizes, const Segments& segments, int64_t b, int64_t s) {
  return segments.gain.empty() ? 1 : segments.gain[b * sizes.segments() + s];
}

/// body(b, g) for each memory.
template <typename Body>
void for_each_memory(const Sizes& sizes, const Body& body) {
  for (int64_t b = 0; b < sizes.batch; ++b) {
    for (int64_t g = 0; g < sizes.groups; ++g) body(b, g);
  }
}

/// body(b, g, s) for each segment that is written.
template <typename Body>
void for_each_written_segment(const Sizes& sizes, const Body& body) {
  for_each_memory(sizes, [&](int64_t b, int64_t g) {
    for (int64_t s = 0; s < sizes.full_segments(); ++s) body(b, g, s);
  });
}

/// body(b, g, s, row of [B,G,N,…]) for each token that is written.
template <typename Body>
void for_each_written_token(const Sizes& sizes, const Body& body) {
  for_each_written_segment(sizes, [&](int64_t b, int64_t g, int64_t s) {
    for (int64_t t = s * sizes.segment_length; t < (s + 1) * sizes.segment_length; ++t) {
      body(b, g, s, sizes.key_row(b, g, t));
    }
  });
}

/// body(h, index of the state, row of [B,H,N,…]) for each query.
template <typename Body>
void for_each_query(const Sizes& sizes, const Body& body) {
  for (int64_t b = 0; b < sizes.batch; ++b) {
    for (int64_t h = 0; h < sizes.heads; ++h) {
      for (int64_t t = 0; t < sizes.tokens; ++t) {
        body(h, sizes.state(b, sizes.group_of(h), sizes.segment_of(t)), sizes.query_row(b, h, t));
      }
    }
  }
}

bool is_empty(const double* norm, int64_t width) {
  return std::all_of(norm, norm + width, [](double x) { return x == 0; });
}

}  // namespace

double sigma(double x) { return x > 0 ? x + 1 : std::exp(x); }
double sigma_derivative(double x) { return x > 0 ? 1 : std::exp(x); }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double reciprocal_or_zero(double x) { return x > 1e-30 ? 1 / x : 0; }

Numbers rotate(const Sizes& sizes, int64_t heads, const Numbers& x, const Numbers& cos, const Numbers& sin) {
  const int64_t D = sizes.key_width, half = D / 2;
  Numbers out = zeros(static_cast<int64_t>(x.size()));
  for (int64_t row = 0; row < sizes.batch * heads * sizes.tokens; ++row) {
    const int64_t position = row % sizes.tokens % sizes.segment_length;
    for (int64_t i = 0; i < D; ++i) {
      const double turned = i < half ? -x[row * D + i + half] : x[row * D + i - half];
      out[row * D + i] = x[row * D + i] * cos[position * D + i] + turned * sin[position * D + i];
    }
  }
  return out;
}

Numbers rotate_backward(const Sizes& sizes, int64_t heads, const Numbers& dout, const Numbers& cos,
                        const Numbers& sin) {
  const int64_t D = sizes.key_width, half = D / 2;
  Numbers dx = zeros(static_cast<int64_t>(dout.size()));
  for (int64_t row = 0; row < sizes.batch * heads * sizes.tokens; ++row) {
    const int64_t position = row % sizes.tokens % sizes.segment_length;
    for (int64_t i = 0; i < D; ++i) {
      dx[row * D + i] += dout[row * D + i] * cos[position * D + i];
      if (i < half) {
        dx[row * D + i + half] -= dout[row * D + i] * sin[position * D + i];
      } else {
        dx[row * D + i - half] += dout[row * D + i] * sin[position * D + i];
      }
    }
  }
  return dx;
}

Numbers written_norms(const Sizes& sizes, const Segments& segments, const Numbers& k) {
  const int64_t D = sizes.key_width;
  Numbers written = zeros(sizes.batch * sizes.groups * sizes.segments() * D);
  for_each_written_token(sizes, [&](int64_t b, int64_t g, int64_t s, int64_t row) {
    const Numbers sigma_k = sigma_row(&k[row * D], D);
    add(&written[sizes.state(b, g, s) * D], sigma_k.data(), D, gain_at(sizes, segments, b, s));
  });
  return written;
}

Numbers written_memories(const Sizes& sizes, const Segments& segments, const Numbers& k, const Numbers& v) {
  const int64_t D = sizes.key_width, E = sizes.value_width;
  Numbers written = zeros(sizes.batch * sizes.groups * sizes.segments() * D * E);
  for_each_written_token(sizes, [&](int64_t b, int64_t g, int64_t s, int64_t row) {
    const Numbers sigma_k = sigma_row(&k[row * D], D);
    add_outer(&written[sizes.state(b, g, s) * D * E], sigma_k.data(), &v[row * E], D, E,
              gain_at(sizes, segments, b, s));
  });
  return written;
}

Numbers transitions(const Sizes& sizes, const Segments& segments, const Numbers& k, const Numbers& norms) {
  const int64_t D = sizes.key_width;
  Numbers transitions = zeros(sizes.batch * sizes.groups * sizes.full_segments() * D * D);
  for_each_written_token(sizes, [&](int64_t b, int64_t g, int64_t s, int64_t row) {
    const Numbers sigma_k = sigma_row(&k[row * D], D);
    const double r = reciprocal_or_zero(dot(sigma_k.data(), &norms[sizes.state(b, g, s) * D], D));
    add_outer(&transitions[sizes.transition(b, g, s) * D * D], sigma_k.data(), sigma_k.data(), D, D,
              gain_at(sizes, segments, b, s) * r);
  });
  return transitions;
}

States scan(const Sizes& sizes, const Segments& segments, const Numbers& written_memories, const Numbers& written_norms,
            const Numbers& transitions, const Numbers& memory, const Numbers& norm) {
  const int64_t D = sizes.key_width, E = sizes.value_width, S = sizes.segments();
  States states{zeros(sizes.batch * sizes.groups * S * D * E), zeros(sizes.batch * sizes.groups * S * D), memory, norm};
  for_each_memory(sizes, [&](int64_t b, int64_t g) {
    double* const M = &states.memory[(b * sizes.groups + g) * D * E];
    double* const z = &states.norm[(b * sizes.groups + g) * D];
    for (int64_t s = 0; s < S; ++s) {
      if (starts_at(sizes, segments, b, s)) {
        std::fill_n(M, D * E, 0);
        std::fill_n(z, D, 0);
      }
      const int64_t index = sizes.state(b, g, s);
      double* const before = &states.memories[index * D * E];
      std::copy_n(M, D * E, before);
      std::copy_n(z, D, &states.norms[index * D]);
      if (s >= sizes.full_segments()) continue;
      add(M, &written_memories[index * D * E], D * E);
      add(z, &written_norms[index * D], D);
      if (transitions.empty()) continue;
      const double* const transition = &transitions[sizes.transition(b, g, s) * D * D];
      for (int64_t i = 0; i < D; ++i) {
        add(M + i * E, row_times(transition + i * D, before, D, E).data(), E, -1);
      }
    }
  });
  return states;
}

States write(const Sizes& sizes, const Segments& segments, bool delta, const Numbers& k, const Numbers& v,
             const Numbers& memory, const Numbers& norm) {
  const int64_t D = sizes.key_width, E = sizes.value_width, S = sizes.segments();
  States states{zeros(sizes.batch * sizes.groups * S * D * E), zeros(sizes.batch * sizes.groups * S * D), memory, norm};
  for_each_memory(sizes, [&](int64_t b, int64_t g) {
    double* const M = &states.memory[(b * sizes.groups + g) * D * E];
    double* const z = &states.norm[(b * sizes.groups + g) * D];
    for (int64_t s = 0; s < S; ++s) {
      if (starts_at(sizes, segments, b, s)) {
        std::fill_n(M, D * E, 0);
        std::fill_n(z, D, 0);
      }
      double* const M_before = &states.memories[sizes.state(b, g, s) * D * E];
      double* const z_before = &states.norms[sizes.state(b, g, s) * D];
      std::copy_n(M, D * E, M_before);
      std::copy_n(z, D, z_before);
      if (s >= sizes.full_segments()) continue;
      const double c = gain_at(sizes, segments, b, s);
      for (int64_t t = s * sizes.segment_length; t < (s + 1) * sizes.segment_length; ++t) {
        const int64_t row = sizes.key_row(b, g, t);
        const Numbers sigma_k = sigma_row(&k[row * D], D);
        Numbers written(&v[row * E], &v[row * E] + E);
        if (delta) {
          const double r = reciprocal_or_zero(dot(sigma_k.data(), z_before, D));
          add(written.data(), row_times(sigma_k.data(), M_before, D, E).data(), E, -r);
        }
        add_outer(M, sigma_k.data(), written.data(), D, E, c);
        add(z, sigma_k.data(), D, c);
      }
    }
  });
  return states;
}

Numbers retrieve(const Sizes& sizes, const Numbers& q, const Numbers& a_dot, const Numbers& beta,
                 const States& states) {
  const int64_t D = sizes.key_width, E = sizes.value_width;
  Numbers out = a_dot;
  for_each_query(sizes, [&](int64_t h, int64_t state, int64_t row) {
    const double* const z = &states.norms[state * D];
    if (is_empty(z, D)) return;
    const double gate = sigmoid(beta[h]);
    const Numbers sigma_q = sigma_row(&q[row * D], D);
    const double r = reciprocal_or_zero(dot(sigma_q.data(), z, D));
    const Numbers product = row_times(sigma_q.data(), &states.memories[state * D * E], D, E);
    for (int64_t e = 0; e < E; ++e) {
      out[row * E + e] = gate * r * product[e] + (1 - gate) * a_dot[row * E + e];
    }
  });
  return out;
}

RetrieveGradients retrieve_backward(const Sizes& sizes, const Numbers& q, const Numbers& a_dot, const Numbers& beta,
                                    const States& states, const Numbers& dout) {
  const int64_t D = sizes.key_width, E = sizes.value_width;
  RetrieveGradients gradients{zeros(static_cast<int64_t>(q.size())), dout, zeros(sizes.heads),
                              zeros(static_cast<int64_t>(states.memories.size())),
                              zeros(static_cast<int64_t>(states.norms.size()))};
  for_each_query(sizes, [&](int64_t h, int64_t state, int64_t row) {
    const double *const M = &states.memories[state * D * E], *const z = &states.norms[state * D];
    if (is_empty(z, D)) return;
    const double gate = sigmoid(beta[h]);
    const Numbers sigma_q = sigma_row(&q[row * D], D);
    const double r = reciprocal_or_zero(dot(sigma_q.data(), z, D));
    Numbers a_mem = row_times(sigma_q.data(), M, D, E), u = zeros(E);
    for (int64_t e = 0; e < E; ++e) {
      a_mem[e] *= r;
      u[e] = gate * r * dout[row * E + e];
      gradients.da_dot[row * E + e] = (1 - gate) * dout[row * E + e];
      gradients.dbeta[h] += gate * (1 - gate) * dout[row * E + e] * (a_mem[e] - a_dot[row * E + e]);
    }
    const double p = dot(u.data(), a_mem.data(), E);
    Numbers dsigma = times_column(M, u.data(), D, E);
    add(dsigma.data(), z, D, -p);
    for (int64_t i = 0; i < D; ++i) gradients.dq[row * D + i] = dsigma[i] * sigma_derivative(q[row * D + i]);
    add_outer(&gradients.dmemories[state * D * E], sigma_q.data(), u.data(), D, E);
    add(&gradients.dnorms[state * D], sigma_q.data(), D, -p);
  });
  return gradients;
}

Numbers couplings(const Sizes& sizes, const Segments& segments, const Numbers& memories,
                  const Numbers& dmemories_after) {
  const int64_t D = sizes.key_width, E = sizes.value_width;
  Numbers couplings = zeros(sizes.batch * sizes.groups * sizes.full_segments() * D * D);
  for_each_written_segment(sizes, [&](int64_t b, int64_t g, int64_t s) {
    const double *const M = &memories[sizes.state(b, g, s) * D * E], *const dM =
                                                                         &dmemories_after[sizes.state(b, g, s) * D * E];
    double* const coupling = &couplings[sizes.transition(b, g, s) * D * D];
    for (int64_t i = 0; i < D; ++i) {
      for (int64_t j = 0; j < D; ++j) {
        coupling[i * D + j] =
            gain_at(sizes, segments, b, s) * (dot(dM + i * E, M + j * E, E) + dot(M + i * E, dM + j * E, E));
      }
    }
  });
  return couplings;
}

Numbers delta_weights(const Sizes& sizes, const Numbers& k, const Numbers& norms, const Numbers& couplings) {
  const int64_t D = sizes.key_width;
  Numbers weights;
  for_each_written_token(sizes, [&](int64_t b, int64_t g, int64_t s, int64_t row) {
    const Numbers sigma_k = sigma_row(&k[row * D], D);
    const double r = reciprocal_or_zero(dot(sigma_k.data(), &norms[sizes.state(b, g, s) * D], D));
    const Numbers product = times_column(&couplings[sizes.transition(b, g, s) * D * D], sigma_k.data(), D, D);
    weights.push_back(0.5 * r * r * dot(sigma_k.data(), product.data(), D));
  });
  return weights;
}

Numbers delta_norm_backward(const Sizes& sizes, const Numbers& k, const Numbers& norms, const Numbers& couplings) {
  const int64_t D = sizes.key_width;
  const Numbers weights = delta_weights(sizes, k, norms, couplings);
  Numbers dnorms = zeros(sizes.batch * sizes.groups * sizes.segments() * D);
  size_t next = 0;
  for_each_written_token(sizes, [&](int64_t b, int64_t g, int64_t s, int64_t row) {
    const Numbers sigma_k = sigma_row(&k[row * D], D);
    add(&dnorms[sizes.state(b, g, s) * D], sigma_k.data(), D, weights[next++]);
  });
  return dnorms;
}

StateGradients scan_memory_backward(const Sizes& sizes, const Segments& segments, const Numbers& transitions,
                                    const Numbers& own, const Numbers& last) {
  const int64_t D = sizes.key_width, E = sizes.value_width, S = sizes.segments();
  StateGradients gradients{zeros(sizes.batch * sizes.groups * S * D * E), last};
  for_each_memory(sizes, [&](int64_t b, int64_t g) {
    double* const dM = &gradients.before[(b * sizes.groups + g) * D * E];
    for (int64_t s = S - 1; s >= 0; --s) {
      const int64_t index = sizes.state(b, g, s);
      double* const after = &gradients.after[index * D * E];
      std::copy_n(dM, D * E, after);
      if (!transitions.empty() && s < sizes.full_segments()) {
        const double* const transition = &transitions[sizes.transition(b, g, s) * D * D];
        for (int64_t i = 0; i < D; ++i) add_outer(dM, transition + i * D, after + i * E, D, E, -1);
      }
      if (!own.empty()) add(dM, &own[index * D * E], D * E);
      if (starts_at(sizes, segments, b, s)) std::fill_n(dM, D * E, 0);
    }
  });
  return gradients;
}

StateGradients scan_norm_backward(const Sizes& sizes, const Segments& segments, const Numbers& through_delta,
                                  const Numbers& own, const Numbers& last) {
  const int64_t D = sizes.key_width, S = sizes.segments();
  StateGradients gradients{zeros(sizes.batch * sizes.groups * S * D), last};
  for_each_memory(sizes, [&](int64_t b, int64_t g) {
    double* const dz = &gradients.before[(b * sizes.groups + g) * D];
    for (int64_t s = S - 1; s >= 0; --s) {
      const int64_t index = sizes.state(b, g, s);
      std::copy_n(dz, D, &gradients.after[index * D]);
      if (!through_delta.empty()) add(dz, &through_delta[index * D], D);
      if (!own.empty()) add(dz, &own[index * D], D);
      if (starts_at(sizes, segments, b, s)) std::fill_n(dz, D, 0);
    }
  });
  return gradients;
}

WriteGradients write_backward(const Sizes& sizes, const Segments& segments, const Numbers& k, const Numbers& v,
                              const Numbers& norms, const Numbers& couplings, const Numbers& dmemories_after,
                              const Numbers& dnorms_after) {
  const int64_t D = sizes.key_width, E = sizes.value_width;
  WriteGradients gradients{zeros(static_cast<int64_t>(k.size())), zeros(static_cast<int64_t>(v.size()))};
  for_each_written_token(sizes, [&](int64_t b, int64_t g, int64_t s, int64_t row) {
    const int64_t state = sizes.state(b, g, s);
    const double c = gain_at(sizes, segments, b, s);
    const double *const dM = &dmemories_after[state * D * E], *const z = &norms[state * D];
    const Numbers sigma_k = sigma_row(&k[row * D], D);
    add(&gradients.dv[row * E], row_times(sigma_k.data(), dM, D, E).data(), E, c);
    Numbers dsigma = zeros(D);
    add(dsigma.data(), times_column(dM, &v[row * E], D, E).data(), D, c);
    add(dsigma.data(), &dnorms_after[state * D], D, c);
    if (!couplings.empty()) {
      const double r = reciprocal_or_zero(dot(sigma_k.data(), z, D));
      const Numbers product = times_column(&couplings[sizes.transition(b, g, s) * D * D], sigma_k.data(), D, D);
      add(dsigma.data(), product.data(), D, -r);
      add(dsigma.data(), z, D, 0.5 * r * r * dot(sigma_k.data(), product.data(), D));
    }
    for (int64_t i = 0; i < D; ++i) gradients.dk[row * D + i] = dsigma[i] * sigma_derivative(k[row * D + i]);
  });
  return gradients;
}

Outputs attend(const Sizes& sizes, const Segments& segments, bool delta, const Inputs& inputs) {
  const States states = write(sizes, segments, delta, inputs.k, inputs.v, inputs.memory, inputs.norm);
  return {retrieve(sizes, inputs.q, inputs.a_dot, inputs.beta, states), states.memory, states.norm};
}

Inputs attend_backward(const Sizes& sizes, const Segments& segments, bool delta, const Inputs& inputs,
                       const Outputs& gradients) {
  const States states = write(sizes, segments, delta, inputs.k, inputs.v, inputs.memory, inputs.norm);
  RetrieveGradients read{zeros(static_cast<int64_t>(inputs.q.size())),
                         zeros(static_cast<int64_t>(inputs.a_dot.size())),
                         zeros(sizes.heads),
                         {},
                         {}};
  if (!gradients.out.empty()) {
    read = retrieve_backward(sizes, inputs.q, inputs.a_dot, inputs.beta, states, gradients.out);
  }
  const Numbers transition = delta ? transitions(sizes, segments, inputs.k, states.norms) : Numbers{};
  const auto dmemory = scan_memory_backward(sizes, segments, transition, read.dmemories, gradients.memory);
  const Numbers coupling = delta ? couplings(sizes, segments, states.memories, dmemory.after) : Numbers{};
  const Numbers through_delta = delta ? delta_norm_backward(sizes, inputs.k, states.norms, coupling) : Numbers{};
  const auto dnorm = scan_norm_backward(sizes, segments, through_delta, read.dnorms, gradients.norm);
  const auto written =
      write_backward(sizes, segments, inputs.k, inputs.v, states.norms, coupling, dmemory.after, dnorm.after);
  return {read.dq, written.dk, written.dv, read.da_dot, read.dbeta, dmemory.before, dnorm.before};
}

namespace {

/// Calls body(place of y_t, is in x?, place of z there, place of the tap) for each product of the convolution.
template <typename Body>
void for_each_product(const Convolution& sizes, const Body& body) {
  const int64_t N = sizes.tokens, C = sizes.channels, earlier = sizes.width - 1;
  for (int64_t b = 0; b < sizes.batch; ++b) {
    for (int64_t t = 0; t < N; ++t) {
      for (int64_t i = 0; i <= earlier; ++i) {
        const int64_t other = t - earlier + i;
        bool same = true;
        for (int64_t s = 0; s < sizes.segments() && !sizes.starts.empty(); ++s) {
          const int64_t begin = s * sizes.segment_length;
          if (sizes.starts[b * sizes.segments() + s] && other < begin && begin <= t) same = false;
        }
        for (int64_t c = 0; c < C && same; ++c) {
          const int64_t z = other < 0 ? (b * earlier + earlier + other) * C + c : (b * N + other) * C + c;
          body((b * N + t) * C + c, other >= 0, z, i * C + c);
        }
      }
    }
  }
}

}  // namespace

Numbers convolve(const Convolution& sizes, const Numbers& x, const Numbers& before, const Numbers& taps) {
  Numbers y = zeros(static_cast<int64_t>(x.size()));
  for_each_product(sizes, [&](int64_t out, bool is_in_x, int64_t z, int64_t tap) {
    y[out] += taps[tap] * (is_in_x ? x : before)[z];
  });
  return y;
}

ConvolutionGradient convolve_backward(const Convolution& sizes, const Numbers& x, const Numbers& before,
                                      const Numbers& taps, const Numbers& dy) {
  ConvolutionGradient gradient{zeros(static_cast<int64_t>(x.size())), zeros(static_cast<int64_t>(before.size())),
                               zeros(static_cast<int64_t>(taps.size()))};
  for_each_product(sizes, [&](int64_t out, bool is_in_x, int64_t z, int64_t tap) {
    (is_in_x ? gradient.dx : gradient.dbefore)[z] += taps[tap] * dy[out];
    gradient.dtaps[tap] += (is_in_x ? x : before)[z] * dy[out];
  });
  return gradient;
}

}  // namespace infini::ops::cuda::reference
