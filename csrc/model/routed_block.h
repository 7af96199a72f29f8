#pragma once

#include <memory>
#include <string_view>

#include "model/block.h"

namespace infini {

/// Mixture-of-Depths (Raposo et al. 2024): of each segment, only the `capacity` share of the tokens goes through the
/// block. The others pass by.
///   r_t = w · x_t                                    the router
///   y_t = x_t + r_t f(x)_t for the tokens that go through, where block(x) = x + f(x);   y_t = x_t for the others
/// In training the tokens with the largest r of a segment go through. That choice looks ahead, so a small predictor
/// learns beside it, without a gradient into x, whether a token is among them; in evaluation a token goes through if
/// the predictor says so, and any number may.
///
/// A token that passes by is neither seen by the block's attention nor written into its memory. Positions are counted
/// over the tokens that go through. Vectors that a decoder puts around a segment always do, with r = 1.
class RoutedBlock : public Block {
 public:
  RoutedBlock(const ModelConfig& config, int64_t layer, const torch::TensorOptions& options,
              std::shared_ptr<LayerAttention> attention);

  torch::Tensor forward(const torch::Tensor& x, ContextState& state, Pass& pass) const override;
  void memorize(const torch::Tensor& x, ContextState& state, Pass& pass) const override;

 private:
  torch::Tensor route_top(const torch::Tensor& x, ContextState& state, Pass& pass) const;
  torch::Tensor route_predicted(const torch::Tensor& x, ContextState& state, const Pass& pass) const;
  torch::Tensor continue_segment(const torch::Tensor& x, ContextState& state, const Pass& pass) const;

  /// How many of `tokens` tokens go through in training.
  int64_t kept(int64_t tokens) const;
  /// x [B, N, hidden_size], in which the tokens at `places` [B, K] have gone through.
  torch::Tensor through(const torch::Tensor& x, const torch::Tensor& places, ContextState& state, Pass& inner) const;
  /// The same for the tokens `places` [K] of one segment in one row: x [1, N, hidden_size].
  torch::Tensor read_chosen(const torch::Tensor& x, const torch::Tensor& places, bool full, int64_t row,
                            ContextState& state, Pass& inner, const Pass& pass) const;
  /// [B, N] bool: whether the tokens at the places begin … end of a pass go through in evaluation.
  torch::Tensor goes_through(const torch::Tensor& x, int64_t begin, int64_t end, const Pass& pass) const;
  /// Sets the tensors of a row to their values before the first segment.
  void empty(ContextState& row, const torch::Tensor& x) const;
  /// Logits [B, N] of "among the largest".
  torch::Tensor predict(const torch::Tensor& x) const;
  /// Teaches the predictor the choice `places` [B, K] among the tokens [B, N] that could pass by.
  void add_loss(const torch::Tensor& x, const torch::Tensor& places, Pass& pass) const;

  int64_t layer_;
  double capacity_;
  std::shared_ptr<Projection> router_, predictor_, predictor_output_;
};

/// Whether a parameter of that name belongs to the routing of tokens. A checkpoint may lack it, as with those of a
/// memory.
bool is_routing_parameter(std::string_view name);

}  // namespace infini
