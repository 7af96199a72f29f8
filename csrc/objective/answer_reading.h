#pragma once

#include <torch/torch.h>

#include <vector>

#include "model/causal_language_model.h"

namespace infini {

/// What a model makes of the answers that a batch asks for, before it is told them: sums on the model's device.
struct AnswerReading {
  torch::Tensor loss;     ///< scalar: Σ −log p(answer's token), nats
  torch::Tensor correct;  ///< [B] int64: answer tokens that are the most probable ones
  torch::Tensor count;    ///< [B] int64: answer tokens

  /// Adds another part of the same rows; the first part where there is none yet.
  void add(const AnswerReading& other);
};

/// Reads hidden [B, n, hidden_size] and targets [B, n], which are tokens [first, first + n) of their rows, where the
/// places `answers` [B, K] lie in that part; −1 is no place. Without a graph; reads no value from the device.
AnswerReading read_answers(const CausalLanguageModel& model, const torch::Tensor& hidden, const torch::Tensor& targets,
                           const torch::Tensor& answers, int64_t first);

/// How answers were met, by teacher forcing.
struct AnswerMetrics {
  double loss = 0.0;         ///< nats an answer token
  double accuracy = 0.0;     ///< share of answer tokens that were the most probable ones
  double exact_match = 0.0;  ///< share of rows of which all were
};

/// Loss, correct tokens, exact matches, tokens and rows of all readings together, [5] on their device.
torch::Tensor answer_totals(const std::vector<AnswerReading>& readings);
/// What the five numbers of answer_totals say, once they are on the host.
AnswerMetrics answer_metrics(const double* totals);

}  // namespace infini
