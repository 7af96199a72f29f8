#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.h"
#include "model/decoder.h"

namespace infini {

/// A kind of context memory: what `model.memory.kind` names.
struct MemoryKind {
  std::string_view name;
  /// The decoder of a model of this kind, its matrices without values.
  std::shared_ptr<Decoder> (*make_decoder)(const ModelConfig& config, const torch::TensorOptions& options);
};

/// The table of all kinds. A new one is a file in this folder and a row here.
const std::vector<MemoryKind>& memory_kinds();

/// Throws UserError that lists the names if there is none of this name.
const MemoryKind& find_memory_kind(const std::string& name);

}  // namespace infini
