#pragma once

#include <string>
#include <vector>

#include "model/memory_kinds.h"
#include "model/tiny_model.h"

namespace infini {

/// A tiny model of each kind of context memory, with segments of 5 tokens.
inline std::vector<ModelConfig> every_memory() {
  const auto with = [](const std::string& kind, auto... sizes) {
    ModelConfig config = tiny_config("none");
    config.memory.kind = kind;
    ((config.memory.*sizes.first = sizes.second), ...);
    return config;
  };
  return {tiny_config("linear"),
          tiny_config("delta"),
          with("transformer_xl", std::pair(&MemoryConfig::cache_length, 7)),
          with("compressive", std::pair(&MemoryConfig::cache_length, 10),
               std::pair(&MemoryConfig::compressed_length, 3), std::pair(&MemoryConfig::compression_rate, 5)),
          with("memorizing", std::pair(&MemoryConfig::cache_length, 7), std::pair(&MemoryConfig::layer, 1),
               std::pair(&MemoryConfig::slots, 13), std::pair(&MemoryConfig::neighbours, 4)),
          with("rmt", std::pair(&MemoryConfig::memory_tokens, 2)),
          with("autocompressors", std::pair(&MemoryConfig::summary_tokens, 2))};
}

/// The same, where half of the tokens pass by the second block.
inline std::vector<ModelConfig> every_memory_with_depth() {
  std::vector<ModelConfig> configs = every_memory();
  for (ModelConfig& config : configs) config.depth = {.capacity = 0.5, .every = 2};
  return configs;
}

inline ModelConfig with_convolution(ModelConfig config, int64_t width = 4) {
  config.short_convolution = width;
  return config;
}

/// A model of each kind that may have a short convolution, and one whose convolution is wider than a segment.
inline std::vector<ModelConfig> every_memory_with_convolution() {
  std::vector<ModelConfig> configs;
  for (const ModelConfig& config : every_memory()) {
    if (find_memory_kind(config.memory.kind).has_convolution) configs.push_back(with_convolution(config));
  }
  configs.push_back(with_convolution(tiny_config("delta"), 8));
  return configs;
}

/// All of these, and local attention, which has no memory and carries nothing but the inputs of a convolution.
inline std::vector<ModelConfig> every_segmented_kind() {
  std::vector<ModelConfig> configs = every_memory();
  for (const ModelConfig& config : every_memory_with_convolution()) configs.push_back(config);
  configs.push_back(tiny_config("none"));
  configs.push_back(with_convolution(tiny_config("none")));
  return configs;
}

/// The same, and full attention, which has no segments.
inline std::vector<ModelConfig> every_kind() {
  std::vector<ModelConfig> configs = every_segmented_kind();
  configs.push_back(tiny_config("none", 0));
  configs.push_back(with_convolution(tiny_config("none", 0)));
  return configs;
}

/// All of them, also with tokens that pass by.
inline std::vector<ModelConfig> every_model() {
  std::vector<ModelConfig> configs = every_kind();
  for (const ModelConfig& config : every_memory_with_depth()) configs.push_back(config);
  return configs;
}

/// "infini, delta, segment length 5"
inline std::string kind(const ModelConfig& config) {
  return config.memory.kind + ", " + config.memory.update + ", segment length " +
         std::to_string(config.memory.segment_length) + (config.depth.capacity < 1 ? ", depth" : "") +
         (config.short_convolution > 0 ? ", convolution " + std::to_string(config.short_convolution) : "");
}

}  // namespace infini
