#include "train/step_readings.h"

#include <cmath>
#include <optional>

namespace infini {
namespace {

std::vector<std::vector<double>> take_rows(const double*& next, const torch::Tensor& matrix) {
  std::vector<std::vector<double>> rows;
  for (int64_t row = 0; row < matrix.size(0); ++row) {
    rows.emplace_back(next, next + matrix.size(1));
    next += matrix.size(1);
  }
  return rows;
}

/// The only place of the trainer that waits for the device.
torch::Tensor copy_to_host(const std::vector<torch::Tensor>& tensors) {
  std::vector<torch::Tensor> flat;
  flat.reserve(tensors.size());
  for (const torch::Tensor& tensor : tensors) flat.push_back(tensor.detach().reshape(-1).to(torch::kFloat64));
  return torch::cat(flat).to(torch::kCPU);
}

/// Loss, correct tokens, exact matches, tokens and rows, all batches together: [5].
torch::Tensor totals(const std::vector<AnswerReading>& answers) {
  torch::Tensor sum;
  for (const AnswerReading& batch : answers) {
    const torch::Tensor exact = batch.correct.eq(batch.count);
    const torch::Tensor counts = torch::stack({batch.correct.sum(), exact.sum(), batch.count.sum()});
    const torch::Tensor rows = torch::full({1}, exact.size(0), batch.loss.options());
    const torch::Tensor values = torch::cat({batch.loss.reshape(1), counts.to(batch.loss.scalar_type()), rows});
    sum = sum.defined() ? sum + values : values;
  }
  return sum;
}

TaskMetrics take_task(const double*& next) {
  const double loss = next[0], correct = next[1], exact = next[2], tokens = next[3], rows = next[4];
  next += 5;
  return {loss / tokens, correct / tokens, exact / rows};
}

}  // namespace

bool StepReadings::finite() const { return std::isfinite(loss) && std::isfinite(gradient_norm); }

StepReadings synchronise(const torch::Tensor& loss, const torch::Tensor& gradient_norm,
                         const std::optional<MemoryDiagnostics>& diagnostics,
                         const std::vector<AnswerReading>& answers) {
  std::vector<torch::Tensor> tensors{loss, gradient_norm};
  if (!answers.empty()) tensors.push_back(totals(answers));
  if (diagnostics) tensors.insert(tensors.end(), {diagnostics->gates, diagnostics->memory_share});
  const torch::Tensor values = copy_to_host(tensors);

  const double* next = values.const_data_ptr<double>();
  StepReadings readings;
  readings.loss = *next++;
  readings.gradient_norm = *next++;
  if (!answers.empty()) readings.task = take_task(next);
  if (diagnostics) {
    readings.gates = take_rows(next, diagnostics->gates);
    readings.memory_share = take_rows(next, diagnostics->memory_share);
  }
  return readings;
}

TaskMetrics synchronise(const std::vector<AnswerReading>& answers) {
  const torch::Tensor values = copy_to_host({totals(answers)});
  const double* next = values.const_data_ptr<double>();
  return take_task(next);
}

double synchronise(const torch::Tensor& loss) { return *copy_to_host({loss}).const_data_ptr<double>(); }

}  // namespace infini
