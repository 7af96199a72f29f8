#pragma once

#include <vector>

#include "train/optimizer.h"

namespace infini {

/// Adafactor without momentum (Shazeer & Stern 2018, Algorithm 6), the paper's optimiser. For a matrix it does not keep
/// the whole second moment V, but only the mean R of every row and the mean C of every column:
///   β2 = 1 − t^−decay_exponent;  R ← β2 R + (1 − β2) mean(g² + ε1, columns);  C likewise over rows
///   U = g / √V̂,  V̂ = R Cᵀ / mean(R);  U ← U / max(1, RMS(U) / clipping_threshold)
///   α = rate · max(ε2, RMS(p)) with scale_parameter, else rate;  p ← p (1 − α · decay) − α U
/// ε1 = 1e-30, ε2 = 1e-3. For a vector it keeps the whole second moment. If a group has its own learning rate, the rate
/// is not scaled by the size of the parameters: with scaling, gates at β = 0 would not move.
class Adafactor : public Optimizer {
 public:
  Adafactor(const std::vector<ParameterGroup>& groups, const OptimizerConfig& config);

 protected:
  void update(double rate_fraction) override;
  NamedTensors moments() const override;

 private:
  /// For a matrix [..., n, m]: `row` [..., n] and `column` [..., m]. For any other tensor: `full`.
  struct SecondMoment {
    torch::Tensor row, column, full;
    bool factored() const { return row.defined(); }
  };

  OptimizerConfig config_;
  std::vector<std::vector<SecondMoment>> moments_;  ///< one list per group
};

}  // namespace infini
