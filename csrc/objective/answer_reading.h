#pragma once

#include <torch/torch.h>

#include <vector>

#include "model/causal_language_model.h"

namespace infini {

/// How well a model predicts the answers in a batch. The values are sums, on the model's device.
struct AnswerReading {
  torch::Tensor loss;     ///< scalar: Σ −log p(answer token), nats
  torch::Tensor correct;  ///< [B] int64: answer tokens that the model gives the highest probability
  torch::Tensor count;    ///< [B] int64: answer tokens

  /// Adds the reading of another part of the same rows. Also works for the first part.
  void add(const AnswerReading& other);
};

/// Reads the answers in one part of the rows: tokens [first, first + n), with hidden [B, n, hidden_size] and targets
/// [B, n]. `answers` [B, K] are places in the whole rows, −1 for none. Places outside of the part are not counted.
/// Records no graph, and never waits for the device.
AnswerReading read_answers(const CausalLanguageModel& model, const torch::Tensor& hidden, const torch::Tensor& targets,
                           const torch::Tensor& answers, int64_t first);

/// How well the answers were predicted, with teacher forcing.
struct AnswerMetrics {
  double loss = 0.0;         ///< nats per answer token
  double accuracy = 0.0;     ///< share of answer tokens that had the highest probability
  double exact_match = 0.0;  ///< share of rows in which all answer tokens had it
};

/// Sums over all readings, [5] on their device: loss, correct tokens, exact matches, tokens, rows.
torch::Tensor answer_totals(const std::vector<AnswerReading>& readings);
/// Computes the metrics from the five numbers of answer_totals, copied to the host.
AnswerMetrics answer_metrics(const double* totals);

}  // namespace infini
