#include "model/local_attention.h"

#include <tuple>

#include "ops/ops.h"

namespace infini {

using torch::Tensor;

Tensor LocalAttention::forward(const Tensor& x, ContextState& state, Pass& pass) const {
  const auto [q, k, v] = project(x, state, pass);
  if (pass.mode == PassMode::open_segment) return output(attend_open_segment({q, k, v}, state, pass));

  // The op requires a memory and gates as arguments. With the update "none" it neither reads nor writes them.
  const auto exact =
      torch::dtype(x.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32).device(x.device());
  const int64_t rows = x.size(0), groups = key_value_heads(), width = head_dim();
  const Segments& segments = pass.segments;
  const auto [cos, sin] = positions(segments.length, x, pass);
  return output(std::get<0>(ops::attention({.q = q,
                                            .k = k,
                                            .v = v,
                                            .beta = torch::zeros({heads()}, exact),
                                            .memory = torch::zeros({rows, groups, width, width}, exact),
                                            .norm = torch::zeros({rows, groups, width}, exact),
                                            .cos = cos,
                                            .sin = sin,
                                            .segment_length = segments.length,
                                            .update = "none",
                                            .starts = segments.starts,
                                            .gain = segments.gain})));
}

}  // namespace infini
