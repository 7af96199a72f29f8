// The formulas of attention.cpp and their gradients, as they are written there and in the ops that do one step each.

#include "ops/composed_attention.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

#include "ops/checks.h"
#include "ops/extents.h"
#include "ops/sigma.h"

namespace infini::ops {
namespace {

using at::Tensor;

/// The arguments in the dtype of arithmetic, query heads beside the KV head that they read: q [B,G,R,N,D] with R = H/G,
/// k and v [B,G,1,N,·], beta [G,R,1,1]. One segment of them is a `Segment`.
struct Wide {
  Extents extents;
  at::ScalarType dtype;
  Tensor q, k, v, beta, cos, sin;
  std::optional<Tensor> starts, gain;

  Wide(const AttentionArguments& x, at::ScalarType dtype)
      : extents{x.q.size(0), x.q.size(1), x.k.size(1), x.q.size(2), x.segment_length, x.q.size(3), x.v.size(3)},
        dtype(dtype),
        q(by_group(x.q)),
        k(x.k.to(dtype).unsqueeze(2)),
        v(x.v.to(dtype).unsqueeze(2)),
        beta(x.beta.to(dtype).view({extents.groups, extents.group_size(), 1, 1})),
        cos(x.cos.to(dtype)),
        sin(x.sin.to(dtype)),
        starts(x.starts) {
    if (x.gain) gain = x.gain->to(dtype);
  }

  Tensor by_group(const Tensor& x) const { return x.to(dtype).unflatten(1, {extents.groups, extents.group_size()}); }
  Tensor segment_of(const Tensor& x, int64_t segment) const {
    return x.narrow(-2, segment * extents.segment_length, extents.tokens_of(segment));
  }
  /// [B,1,1,1]: c, 1 without.
  Tensor gain_of(int64_t segment) const {
    const Tensor one = gain ? gain->select(1, segment) : at::ones({extents.batch}, q.options());
    return one.view({-1, 1, 1, 1});
  }
  /// A state or its gradient, emptied where the segment begins a document.
  Tensor emptied(const Tensor& state, int64_t segment) const {
    if (!starts) return state;
    std::vector<int64_t> shape(static_cast<size_t>(state.dim()), 1);
    shape[0] = extents.batch;
    return state.masked_fill(starts->select(1, segment).view(shape), 0);
  }
};

struct Rotation {
  Tensor cos, sin;
  Tensor operator()(const Tensor& x) const { return x * cos + turned(x) * sin; }
  Tensor transpose(const Tensor& x) const {
    const auto crossed = (x * sin).chunk(2, -1);
    return x * cos + at::cat({crossed[1], -crossed[0]}, -1);
  }

 private:
  static Tensor turned(const Tensor& x) {
    const auto halves = x.chunk(2, -1);
    return at::cat({-halves[1], halves[0]}, -1);
  }
};

/// softmax(rotate(Q) rotate(K)ᵀ / √D) of one segment, with what its gradient needs.
struct Softmax {
  Rotation rotate;
  double scale;
  Tensor q, k, scores;

  Softmax(const Wide& x, int64_t segment)
      : rotate{x.cos.narrow(0, 0, x.extents.tokens_of(segment)), x.sin.narrow(0, 0, x.extents.tokens_of(segment))},
        scale(1 / std::sqrt(static_cast<double>(x.extents.key_width))),
        q(rotate(x.segment_of(x.q, segment))),
        k(rotate(x.segment_of(x.k, segment))),
        scores(q.matmul(k.mT()) * scale) {
    const int64_t tokens = x.extents.tokens_of(segment);
    const Tensor later = at::ones({tokens, tokens}, scores.options().dtype(at::kBool)).triu(1);
    scores.masked_fill_(later, -std::numeric_limits<double>::infinity());
  }
};

/// A_mem = σ(Q) M / (σ(Q) z) of one segment: memory [B,G,1,D,E], norm [B,G,1,D,1].
struct Retrieval {
  Tensor sigma_q, scale, retrieved, gate;

  Retrieval(const Wide& x, int64_t segment, const Tensor& memory, const Tensor& norm)
      : sigma_q(sigma(x.segment_of(x.q, segment))),
        scale(reciprocal_or_zero(sigma_q.matmul(norm))),
        retrieved(sigma_q.matmul(memory) * scale),
        gate(x.beta.sigmoid() * norm.ne(0).any(-2, true)) {}
};

}  // namespace

AttentionForward composed_attention_forward(const AttentionArguments& arguments) {
  const Tensor& q = arguments.q;
  const Wide x(arguments, state_dtype(q, arguments.memory));
  const Extents& extents = x.extents;
  const auto [batch, heads, groups, tokens, segment_length, D, E] = extents;
  const bool reads = arguments.update != "none", delta = arguments.update == "delta";
  const auto state = q.options().dtype(x.dtype);
  const Tensor out = empty_in_layout_of(q, E, q.scalar_type());
  const Tensor local = reads ? empty_in_layout_of(q, E, q.scalar_type()) : at::empty({batch, heads, 0, E}, q.options());
  const Tensor logsumexp = at::empty({batch, heads, tokens}, state);
  const int64_t before = reads ? extents.segments() : 0;
  const Tensor memories = at::empty({batch, groups, before, D, E}, state);
  const Tensor norms = at::empty({batch, groups, before, D}, state);
  const Tensor transitions = at::empty({batch, groups, delta ? extents.full_segments() : 0, D, D}, state);
  Tensor memory = arguments.memory.to(x.dtype).clone(at::MemoryFormat::Contiguous);
  Tensor norm = arguments.norm.to(x.dtype).clone(at::MemoryFormat::Contiguous);

  for (int64_t segment = 0; segment < extents.segments(); ++segment) {
    const auto place = [&](const Tensor& all, const Tensor& rows) {
      all.narrow(2, segment * segment_length, extents.tokens_of(segment)).copy_(rows.flatten(1, 2));
    };
    memory = x.emptied(memory, segment);
    norm = x.emptied(norm, segment);
    const Softmax softmax(x, segment);
    const Tensor sums = softmax.scores.logsumexp(-1, true);
    Tensor attended = (softmax.scores - sums).exp().matmul(x.segment_of(x.v, segment));
    place(logsumexp, sums.squeeze(-1));
    if (reads) {
      memories.select(2, segment).copy_(memory);
      norms.select(2, segment).copy_(norm);
      place(local, attended);
      const Retrieval read(x, segment, memory.unsqueeze(2), norm.unsqueeze(2).unsqueeze(-1));
      attended = attended + read.gate * (read.retrieved - attended);
    }
    place(out, attended);
    if (!reads || segment >= extents.full_segments()) continue;
    const Tensor sigma_k = sigma(x.segment_of(x.k, segment).squeeze(2)), gain = x.gain_of(segment);
    Tensor after = memory + gain * sigma_k.mT().matmul(x.segment_of(x.v, segment).squeeze(2));
    if (delta) {
      const Tensor read = sigma_k * reciprocal_or_zero(sigma_k.matmul(norm.unsqueeze(-1)));
      const Tensor transition = transitions.select(2, segment).copy_(gain * sigma_k.mT().matmul(read));
      after = after - transition.matmul(memory);
    }
    memory = after;
    norm = norm + gain.squeeze(-1) * sigma_k.sum(-2);
  }
  return {out, memory, norm, logsumexp, memories, norms, transitions, local};
}

AttentionBackward composed_attention_backward(const AttentionOutputGradients& gradients,
                                              const AttentionArguments& arguments, const AttentionSaved& saved) {
  const Tensor &q = arguments.q, &k = arguments.k, &v = arguments.v;
  const Wide x(arguments, saved.logsumexp.scalar_type());
  const Extents& extents = x.extents;
  const auto [batch, heads, groups, tokens, segment_length, D, E] = extents;
  const bool reads = arguments.update != "none", delta = arguments.update == "delta";
  const auto state = saved.logsumexp.options();
  const Tensor dq = empty_in_layout_of(q, D, q.scalar_type()).zero_();
  const Tensor dk = empty_in_layout_of(k, D, k.scalar_type()), dv = empty_in_layout_of(v, E, v.scalar_type());
  Tensor dbeta = at::zeros({groups, extents.group_size(), 1, 1}, state);
  Tensor dmemory = gradients.memory ? gradients.memory->to(x.dtype) : at::zeros({batch, groups, D, E}, state);
  Tensor dnorm = gradients.norm ? gradients.norm->to(x.dtype) : at::zeros({batch, groups, D}, state);
  const Tensor dout = gradients.out ? x.by_group(*gradients.out) : Tensor();
  const Tensor local = x.by_group(saved.local), logsumexp = x.by_group(saved.logsumexp.unsqueeze(-1));

  for (int64_t segment = extents.segments() - 1; segment >= 0; --segment) {
    const auto place = [&](const Tensor& all, const Tensor& rows) {
      all.narrow(2, segment * segment_length, extents.tokens_of(segment)).copy_(rows);
    };
    const Tensor keys = x.segment_of(x.k, segment).squeeze(2), values = x.segment_of(x.v, segment).squeeze(2);
    Tensor memory, norm;
    if (reads) {
      memory = saved.memories.select(2, segment);
      norm = saved.norms.select(2, segment).unsqueeze(-1);
    }
    Tensor dkeys = at::zeros_like(keys), dvalues = at::zeros_like(values);
    if (reads && segment < extents.full_segments()) {
      const Tensor sigma_k = sigma(keys), gain = x.gain_of(segment);
      const Tensor dafter = dmemory * gain, dwritten = sigma_k.matmul(dafter);
      Tensor written = values, dsigma = (dnorm * gain.squeeze(-1)).unsqueeze(-2);
      if (delta) {
        const Tensor scale = reciprocal_or_zero(sigma_k.matmul(norm)), read = sigma_k.matmul(memory) * scale;
        const Tensor dnumerator = -dwritten * scale, ddenominator = -(dnumerator * read).sum(-1, true);
        written = values - read;
        dsigma = dsigma + dnumerator.matmul(memory.mT()) + ddenominator.matmul(norm.mT());
        dmemory = dmemory + sigma_k.mT().matmul(dnumerator);
        dnorm = dnorm + sigma_k.mT().matmul(ddenominator).squeeze(-1);
      }
      dsigma = dsigma + written.matmul(dafter.mT());
      dkeys = dsigma * sigma_derivative(keys, sigma_k);
      dvalues = dwritten;
    }
    if (dout.defined()) {
      const Tensor queries = x.segment_of(x.q, segment), dattended = x.segment_of(dout, segment);
      const Tensor attended = x.segment_of(local, segment);
      Tensor dlocal = dattended, dqueries;
      if (reads) {
        const Tensor M = memory.unsqueeze(2), z = norm.unsqueeze(2);
        const Retrieval read(x, segment, M, z);
        dlocal = dattended * (1 - read.gate);
        const Tensor dnumerator = dattended * read.gate * read.scale;
        const Tensor ddenominator = -(dnumerator * read.retrieved).sum(-1, true);
        const Tensor dsigma = dnumerator.matmul(M.mT()) + ddenominator.matmul(z.mT());
        dqueries = dsigma * sigma_derivative(queries, read.sigma_q);
        dmemory = dmemory + read.sigma_q.mT().matmul(dnumerator).sum(2);
        dnorm = dnorm + read.sigma_q.mT().matmul(ddenominator).sum(2).squeeze(-1);
        const Tensor along_gate = (dattended * (read.retrieved - attended)).sum(at::IntArrayRef{-1, -2}, true);
        dbeta = dbeta + (along_gate * read.gate * (1 - read.gate)).sum(0);
      }
      const Softmax softmax(x, segment);
      const Tensor probabilities = (softmax.scores - x.segment_of(logsumexp, segment)).exp();
      const Tensor dprobabilities = dlocal.matmul(x.segment_of(x.v, segment).mT());
      const Tensor dscores = probabilities * (dprobabilities - (dlocal * attended).sum(-1, true)) * softmax.scale;
      const Tensor through_softmax = softmax.rotate.transpose(dscores.matmul(softmax.k));
      dqueries = dqueries.defined() ? dqueries + through_softmax : through_softmax;
      dkeys = dkeys + softmax.rotate.transpose(dscores.mT().matmul(softmax.q).sum(2));
      dvalues = dvalues + probabilities.mT().matmul(dlocal).sum(2);
      place(dq, dqueries.flatten(1, 2));
    }
    place(dk, dkeys);
    place(dv, dvalues);
    dmemory = x.emptied(dmemory, segment);
    dnorm = x.emptied(dnorm, segment);
  }
  return {dq,
          dk,
          dv,
          dbeta.view({heads}).to(arguments.beta.scalar_type()),
          dmemory.clone(at::MemoryFormat::Contiguous),
          dnorm.clone(at::MemoryFormat::Contiguous)};
}

}  // namespace infini::ops
