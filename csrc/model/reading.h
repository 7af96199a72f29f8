#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

namespace infini {

/// One number for every head of every layer. Readings of a memory have one for every KV head, since the query heads of
/// a group share its memory. Not a number where a layer has no such thing.
struct Reading {
  std::string name;                         ///< as the records have it: "gates", "effective_rank"
  std::vector<std::vector<double>> values;  ///< [layers][heads]
};

/// A reading that is still on the device where the model runs.
struct DeviceReading {
  std::string name;
  torch::Tensor values;  ///< [layers, heads], or what `on_host` takes
  /// Makes [layers, heads] of the values when they have arrived on the host; null: they are that already.
  torch::Tensor (*on_host)(const torch::Tensor& values) = nullptr;
};

/// Takes the readings out of the numbers that follow `next` on the host: the values of all readings, one after the
/// other. Moves `next` behind them.
std::vector<Reading> take_readings(const std::vector<DeviceReading>& readings, const double*& next);

/// Copies all numbers of the tensors to the host, one after the other, in one transfer.
torch::Tensor copy_to_host(const std::vector<torch::Tensor>& tensors);

}  // namespace infini
