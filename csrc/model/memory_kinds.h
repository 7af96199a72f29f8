#pragma once

#include <torch/torch.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.h"
#include "model/decoder.h"

namespace infini {

/// A kind of context memory, as named by `model.memory.kind`.
struct MemoryKind {
  std::string_view name;
  /// The endings of the names of its own parameters, which plain Llama does not have. A checkpoint may lack them: they
  /// then begin with initial values. Parameters of another kind in a checkpoint are ignored.
  std::vector<std::string_view> parameters;
  /// The sizes that it has, beside the segment length.
  std::vector<int64_t MemoryConfig::*> sizes;
  /// The decoder of a model of this kind, its matrices without values.
  std::shared_ptr<Decoder> (*make_decoder)(const ModelConfig& config, const torch::TensorOptions& options);
  /// The first impossible value among its sizes, beyond the minimum of each. Null: there is none.
  std::optional<ConfigFault> (*fault)(const ModelConfig& config) = nullptr;
  bool has_gain = false;      ///< a gain may multiply what a segment writes
  bool lengths_vary = false;  ///< in training, segments may have different lengths
  /// Its layers may have a short convolution: each token passes through a layer once, between its neighbours.
  bool has_convolution = false;

  bool has(const MemoryField& field) const;
};

/// The table of all kinds. To add a kind, add a file to this folder and a row to this table.
const std::vector<MemoryKind>& memory_kinds();

/// The kind of that name, which ModelConfig::fault has checked.
const MemoryKind& find_memory_kind(const std::string& name);

/// "infini, …"
std::string memory_kind_names();

/// Whether a parameter of that name is one of this kind's own.
bool is_own_parameter(const MemoryKind& kind, std::string_view name);

}  // namespace infini
