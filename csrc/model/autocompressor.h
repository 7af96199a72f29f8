#pragma once

#include <memory>

#include "model/decoder.h"

namespace infini {

/// AutoCompressor (Chevalier et al. 2023): a segment ends with `summary_tokens` vectors, and what comes out at their
/// places stands before every later segment. The summaries of all segments accumulate.
///   [_, Y, Z] = blocks([Z_1; …; Z_{s−1}; X; T]),  causal;  the output is Y;  Z_s = norm(Z)
/// T is the parameter `model.summary_tokens` [p, hidden_size]. Summaries and T have no position: they stand at angle 0.
/// Gradients stop after two segments: the summaries of segments 2i and 2i + 1 lose theirs after segment 2i + 1, as in
/// the authors' training, which takes segments two by two.
///
/// The state grows by p vectors a segment: `summaries` [B, n, hidden_size] without gradient, `recent` [B, 0 or p,
/// hidden_size] with, and `summarized` [B], how many of a row's segments belong to its present document.
class AutocompressorDecoder : public Decoder {
 public:
  AutocompressorDecoder(const ModelConfig& config, const torch::TensorOptions& options);

  ContextState empty_state(int64_t rows, const torch::TensorOptions& options) const override;

 protected:
  torch::Tensor run_blocks(const torch::Tensor& x, ContextState& state, Pass& pass) const override;

 private:
  torch::Tensor continue_segment(const torch::Tensor& x, ContextState& state, const Pass& pass) const;
  /// Takes the summary [B, p, hidden_size] of a segment into the state.
  static void accumulate(const torch::Tensor& summary, ContextState& state);

  torch::Tensor summary_tokens_;  // [p, hidden_size]
};

/// The kind `autocompressors`.
std::shared_ptr<Decoder> make_autocompressor_decoder(const ModelConfig& config, const torch::TensorOptions& options);

}  // namespace infini
