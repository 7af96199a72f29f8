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

torch::Tensor copy_to_host(const std::vector<torch::Tensor>& tensors) {
  std::vector<torch::Tensor> flat;
  flat.reserve(tensors.size());
  for (const torch::Tensor& tensor : tensors) flat.push_back(tensor.detach().reshape(-1).to(torch::kFloat64));
  return torch::cat(flat).to(torch::kCPU);
}

}  // namespace

bool StepReadings::finite() const { return std::isfinite(loss) && std::isfinite(gradient_norm); }

StepReadings synchronise(const torch::Tensor& loss, const torch::Tensor& gradient_norm,
                         const MemoryDiagnostics* diagnostics, const std::vector<AnswerReading>& answers,
                         const Ranks& ranks) {
  std::vector<torch::Tensor> tensors{ranks.sum(loss), gradient_norm};
  if (!answers.empty()) tensors.push_back(ranks.sum(answer_totals(answers)));
  if (diagnostics != nullptr) tensors.insert(tensors.end(), {diagnostics->gates(), diagnostics->memory_share()});
  const torch::Tensor values = copy_to_host(tensors);

  const double* next = values.const_data_ptr<double>();
  StepReadings readings;
  readings.loss = *next++;
  readings.gradient_norm = *next++;
  if (!answers.empty()) {
    readings.answers = answer_metrics(next);
    next += tensors[2].numel();
  }
  if (diagnostics != nullptr) {
    readings.gates = take_rows(next, diagnostics->gates());
    readings.memory_share = take_rows(next, diagnostics->memory_share());
  }
  return readings;
}

}  // namespace infini
