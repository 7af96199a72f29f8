#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>

namespace infini::ops {

/// What one call of `infini::attention` takes. B batch, H query heads, G key/value heads (H a multiple of G), N tokens,
/// L segment length, S = ceil(N/L), D key width, E value width.
struct AttentionArguments {
  at::Tensor q;                           ///< [B,H,N,D], without position embedding
  at::Tensor k;                           ///< [B,G,N,D], likewise
  at::Tensor v;                           ///< [B,G,N,E]
  at::Tensor beta;                        ///< [H]; the gate is sigmoid(β)
  at::Tensor memory = {};                 ///< [B,G,D,E], float32 or float64
  at::Tensor norm = {};                   ///< z, [B,G,D], likewise
  at::Tensor cos;                         ///< [L,D], constant
  at::Tensor sin;                         ///< [L,D], constant
  int64_t segment_length = 0;             ///< L
  std::string update;                     ///< "linear", "delta", or "none": local attention only
  std::optional<at::Tensor> starts = {};  ///< [B,S] bool: the memory is emptied before that segment
  std::optional<at::Tensor> gain = {};    ///< [B,S], constant: what that segment writes is multiplied by it
};

}  // namespace infini::ops
