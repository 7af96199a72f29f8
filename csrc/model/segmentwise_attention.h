#pragma once

#include "model/layer_attention.h"

namespace infini {

/// What a layer kept of the tokens before a segment, oldest first.
struct KeptTokens {
  KeysAndValues tokens;   ///< [B, G, m, D], without position embedding
  torch::Tensor visible;  ///< [B, m] bool: false where a slot is still empty, or holds another document
};

/// An attention that reads one segment after the other: the tokens of a segment attend to what the layer kept of the
/// segments before, and to the segment itself up to their own place. A full segment is then written. Nothing that is
/// kept has a gradient into earlier segments.
///
/// Positions are counted over what is kept and then the segment, so only distances matter: a relative encoding.
class SegmentwiseAttention : public LayerAttention {
 public:
  using LayerAttention::LayerAttention;

  torch::Tensor forward(const torch::Tensor& x, ContextState& state, Pass& pass) const override;
  void memorize(const torch::Tensor& x, ContextState& state, Pass& pass) const override;

 protected:
  /// Adds one of the layer's tensors to a state, all zeros. No gradient passes through it.
  void add_kept(ContextState& state, const char* tensor, torch::IntArrayRef sizes,
                const torch::TensorOptions& options) const;

  /// Tokens of one segment, from its beginning on.
  struct SegmentTokens {
    torch::Tensor x;  ///< [B, n, hidden_size], as the layer gets it
    KeysAndValues projected;
  };

  /// The output [B, H, n, D] of the last n tokens of the segment, with the queries q [B, H, n, D].
  virtual torch::Tensor attend(const torch::Tensor& q, const KeysAndValues& segment, const ContextState& state,
                               const Pass& pass) const = 0;
  /// Takes a full segment into the state.
  virtual void write(const SegmentTokens& segment, ContextState& state, Pass& pass) const = 0;
  /// Empties the state of the rows [B] (bool) where a document begins.
  virtual void forget(const torch::Tensor& rows, ContextState& state) const = 0;

  /// Causal attention of the last n tokens of a segment to `kept` and to the segment.
  static torch::Tensor attend_with_kept(const torch::Tensor& q, const KeysAndValues& segment, const KeptTokens& kept,
                                        const Pass& pass);

 private:
  torch::Tensor continue_segment(const torch::Tensor& x, const QueriesKeysValues& tokens, ContextState& state,
                                 Pass& pass) const;
};

/// Appends `fresh` [B, ..., n, D] to `queue` [B, ..., m, D], whose oldest entries leave: the last m of both, without a
/// graph and in the dtype of `queue`.
torch::Tensor pushed(const torch::Tensor& queue, const torch::Tensor& fresh);

/// [B, slots] bool: the last `filled` [B] (int64) slots of each row.
torch::Tensor last_slots(const torch::Tensor& filled, int64_t slots);

}  // namespace infini
