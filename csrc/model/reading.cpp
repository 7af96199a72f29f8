#include "model/reading.h"

#include <algorithm>

namespace infini {

using torch::Tensor;

namespace {

std::vector<std::vector<double>> rows_of(const Tensor& matrix) {
  const Tensor contiguous = matrix.to(torch::kFloat64).contiguous();
  const double* next = contiguous.const_data_ptr<double>();
  std::vector<std::vector<double>> rows;
  for (int64_t row = 0; row < matrix.size(0); ++row) {
    rows.emplace_back(next, next + matrix.size(1));
    next += matrix.size(1);
  }
  return rows;
}

}  // namespace

std::vector<Reading> take_readings(const std::vector<DeviceReading>& readings, const double*& next) {
  std::vector<Reading> taken;
  for (const DeviceReading& reading : readings) {
    Tensor values = torch::empty(reading.values.sizes(), torch::kFloat64);
    std::copy_n(next, values.numel(), values.data_ptr<double>());
    next += values.numel();
    taken.push_back({reading.name, rows_of(reading.on_host == nullptr ? values : reading.on_host(values))});
  }
  return taken;
}

Tensor copy_to_host(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> flat;
  flat.reserve(tensors.size());
  for (const Tensor& tensor : tensors) flat.push_back(tensor.detach().reshape(-1).to(torch::kFloat64));
  return torch::cat(flat).to(torch::kCPU);
}

}  // namespace infini
