#pragma once

// Infini-attention's memory in double precision and plain loops, one function for each CUDA kernel: what the kernels
// are held against, and their specification. Tensors are contiguous, in the order their shapes are given:
// B batch, H query heads, G key/value heads, N tokens, S segments, F full segments, D key width, E value width, L
// segment length.
//
//   σ(x)  = x + 1 for x > 0, exp(x) otherwise
//   A_mem = σ(q) M / (σ(q)·z)                               M, z as they were before the segment
//   out   = sigmoid(β) A_mem + (1 − sigmoid(β)) A_dot       A_dot alone where z is all zero
//   M    += c σ(K)ᵀ V                                       linear; c is the segment's gain
//   M    += c σ(K)ᵀ (V − σ(K) M / (σ(K)·z))                 delta
//   z    += c Σ σ(k)

#include <cstdint>
#include <vector>

namespace infini::ops::cuda::reference {

using Numbers = std::vector<double>;

struct Sizes {
  int64_t batch = 1, heads = 1, groups = 1, tokens = 1, segment_length = 1, key_width = 1, value_width = 1;

  int64_t segments() const { return (tokens + segment_length - 1) / segment_length; }
  /// Only these write to the memory.
  int64_t full_segments() const { return tokens / segment_length; }
  /// The key/value head that a query head reads.
  int64_t group_of(int64_t head) const { return head / (heads / groups); }
  int64_t segment_of(int64_t token) const { return token / segment_length; }
  /// Indices of rows in [B,H,N,…], [B,G,N,…], of states in [B,G,S,…] and of transitions in [B,G,F,…].
  int64_t query_row(int64_t b, int64_t h, int64_t t) const { return (b * heads + h) * tokens + t; }
  int64_t key_row(int64_t b, int64_t g, int64_t t) const { return (b * groups + g) * tokens + t; }
  int64_t state(int64_t b, int64_t g, int64_t s) const { return (b * groups + g) * segments() + s; }
  int64_t transition(int64_t b, int64_t g, int64_t s) const { return (b * groups + g) * full_segments() + s; }
};

/// What may be said of each segment of each row, [B,S]. Empty: no segment starts a document, every gain is 1.
struct Segments {
  std::vector<bool> starts;
  Numbers gain;
};

struct States {
  Numbers memories;  ///< [B,G,S,D,E] before each segment
  Numbers norms;     ///< [B,G,S,D] before each segment
  Numbers memory;    ///< [B,G,D,E] after the last
  Numbers norm;      ///< [B,G,D] after the last
};

double sigma(double x);
double sigma_derivative(double x);
double sigmoid(double x);
/// 1/x, or 0 for an x that single precision cannot invert.
double reciprocal_or_zero(double x);

/// Rotary embedding, rotate-half: x [B,heads,N,D], cos and sin [L,D] at position t mod L → [B,heads,N,D].
Numbers rotate(const Sizes& sizes, int64_t heads, const Numbers& x, const Numbers& cos, const Numbers& sin);
/// Its transpose: the gradient of x.
Numbers rotate_backward(const Sizes& sizes, int64_t heads, const Numbers& dout, const Numbers& cos, const Numbers& sin);

/// c Σσ(k) of each segment [B,G,S,D]; 0 for a partial one.
Numbers written_norms(const Sizes& sizes, const Segments& segments, const Numbers& k);
/// c σ(K)ᵀV of each segment [B,G,S,D,E]; 0 for a partial one.
Numbers written_memories(const Sizes& sizes, const Segments& segments, const Numbers& k, const Numbers& v);
/// c σ(K)ᵀ diag(1/(σ(K)·z)) σ(K) of each full segment [B,G,F,D,D], z [B,G,S,D] before each segment: what the delta rule
/// takes away, M ← M + written − transition · M.
Numbers transitions(const Sizes& sizes, const Segments& segments, const Numbers& k, const Numbers& norms);
/// The states before each segment and after the last, from what each writes. `transitions` empty: linear.
States scan(const Sizes& sizes, const Segments& segments, const Numbers& written_memories, const Numbers& written_norms,
            const Numbers& transitions, const Numbers& memory, const Numbers& norm);
/// The states by the paper's formula, from K and V themselves.
States write(const Sizes& sizes, const Segments& segments, bool delta, const Numbers& k, const Numbers& v,
             const Numbers& memory, const Numbers& norm);
/// out [B,H,N,E] from q, A_dot [B,H,N,E], β [H] and the states before each segment.
Numbers retrieve(const Sizes& sizes, const Numbers& q, const Numbers& a_dot, const Numbers& beta, const States& states);

struct RetrieveGradients {
  Numbers dq, da_dot, dbeta;
  Numbers dmemories;  ///< [B,G,S,D,E], of the memory before each segment, through what was read from it
  Numbers dnorms;     ///< [B,G,S,D]
};
/// With u = sigmoid(β) dout / (σ(q)·z) and p = u·A_mem:
///
///   dσ(q) = M u − p z      dM += σ(q) uᵀ      dz −= p σ(q)      dβ = sigmoid′(β) Σ dout·(A_mem − A_dot)
RetrieveGradients retrieve_backward(const Sizes& sizes, const Numbers& q, const Numbers& a_dot, const Numbers& beta,
                                    const States& states, const Numbers& dout);

/// c (dM Mᵀ + M dMᵀ) of each full segment [B,G,F,D,D], M [B,G,S,D,E] before it and dM after it: twice the quadratic
/// form by which the delta rule's gradient depends on σ(k).
Numbers couplings(const Sizes& sizes, const Segments& segments, const Numbers& memories,
                  const Numbers& dmemories_after);
/// ½ σ(k)ᵀ C σ(k) / (σ(k)·z)² of each token that is written [B,G,F·L], C the coupling.
Numbers delta_weights(const Sizes& sizes, const Numbers& k, const Numbers& norms, const Numbers& couplings);
/// What the delta rule's denominators send to the norm before each segment [B,G,S,D]: Σ weight · σ(k).
Numbers delta_norm_backward(const Sizes& sizes, const Numbers& k, const Numbers& norms, const Numbers& couplings);

struct StateGradients {
  Numbers after;   ///< [B,G,S,…] of the state after each segment
  Numbers before;  ///< [B,G,…] of the state before the first
};
/// dM, last segment to first: dM ← dM − transitionᵀ dM + own, and 0 past a start. `own` [B,G,S,D,E] is what retrieval
/// sends and may be empty (nothing was read), `last` [B,G,D,E] the gradient of the final memory.
StateGradients scan_memory_backward(const Sizes& sizes, const Segments& segments, const Numbers& transitions,
                                    const Numbers& own, const Numbers& last);
/// dz, last segment to first: dz ← dz + through_delta + own. Each of the two [B,G,S,D] may be empty.
StateGradients scan_norm_backward(const Sizes& sizes, const Segments& segments, const Numbers& through_delta,
                                  const Numbers& own, const Numbers& last);

struct WriteGradients {
  Numbers dk, dv;
};
/// With dM and dz those of the state after the segment, and r = 1/(σ(k)·z):
///
///   dv = c σ(k)ᵀ dM      dσ(k) = c (dM v + dz) − r C σ(k) + ½ r² (σ(k)ᵀ C σ(k)) z
///
/// the last two only for delta (`couplings` not empty). A partial segment gets 0.
WriteGradients write_backward(const Sizes& sizes, const Segments& segments, const Numbers& k, const Numbers& v,
                              const Numbers& norms, const Numbers& couplings, const Numbers& dmemories_after,
                              const Numbers& dnorms_after);

struct Inputs {
  Numbers q, k, v, a_dot, beta, memory, norm;
};
struct Outputs {
  Numbers out, memory, norm;
};
/// All of it, A_dot given: retrieval from states written by the paper's formula.
Outputs attend(const Sizes& sizes, const Segments& segments, bool delta, const Inputs& inputs);
/// The gradient of each input, from those of the outputs, in the kernels' order. An empty `out`: nothing was read.
Inputs attend_backward(const Sizes& sizes, const Segments& segments, bool delta, const Inputs& inputs,
                       const Outputs& gradients);

/// A convolution of each of C channels with w taps, within the documents of each row.
struct Convolution {
  int64_t batch = 1, tokens = 1, channels = 1, width = 2, segment_length = 1;
  std::vector<bool> starts = {};  ///< [B,S], as in Segments

  int64_t segments() const { return (tokens + segment_length - 1) / segment_length; }
};

/// y_t = Σ_i taps_i z_{t−(w−1)+i} over t's own document: x [B,N,C], before [B,w−1,C], taps [w,C] → [B,N,C].
Numbers convolve(const Convolution& sizes, const Numbers& x, const Numbers& before, const Numbers& taps);

struct ConvolutionGradient {
  Numbers dx, dbefore, dtaps;
};
ConvolutionGradient convolve_backward(const Convolution& sizes, const Numbers& x, const Numbers& before,
                                      const Numbers& taps, const Numbers& dy);

}  // namespace infini::ops::cuda::reference
