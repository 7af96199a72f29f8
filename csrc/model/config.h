#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace infini {

/// How the model remembers earlier segments. With `segment_length` 0 and `update` "none" it is plain causal attention
/// over the whole input.
struct MemoryConfig {
  int64_t segment_length = 0;
  std::string update = "none";    ///< "linear", "delta" or "none" (local attention only)
  std::string kind = "infini";    ///< a name in memory_kinds()
  int64_t cache_length = 0;       ///< tokens before the segment whose keys and values each layer keeps
  int64_t compressed_length = 0;  ///< slots of the compressed cache
  int64_t compression_rate = 0;   ///< tokens in one such slot
  int64_t layer = -1;             ///< the layer, from 0, that looks up its nearest neighbours
  int64_t slots = 0;              ///< keys and values to look up, of one head
  int64_t neighbours = 0;         ///< of each query, of one head
  int64_t memory_tokens = 0;      ///< vectors that a segment hands to the next
  int64_t summary_tokens = 0;     ///< vectors that a segment hands to all later ones
  bool operator==(const MemoryConfig&) const = default;
};

/// A size in MemoryConfig that only some kinds of memory have. In the others it keeps the value above.
struct MemoryField {
  std::string_view name;  ///< in YAML and in config.json: "cache_length"
  int64_t MemoryConfig::*value;
  int64_t minimum;
};

/// The table of these sizes: reading, writing and checking use it.
const std::vector<MemoryField>& memory_fields();

/// Mixture-of-Depths: in some blocks only a share of each segment's tokens goes through. With `capacity` 1 all do.
struct DepthConfig {
  double capacity = 1.0;  ///< the share, more than 0
  int64_t every = 1;      ///< in every such block: 2 means the blocks 1, 3, 5, …
  bool routes(int64_t layer) const { return capacity < 1.0 && layer % every == every - 1; }
  bool operator==(const DepthConfig&) const = default;
};

/// An impossible value: its key ("memory.update"), and the values that are possible.
struct ConfigFault {
  std::string key;
  std::string message;
};

/// A transformer in the Llama layout. The names are those in Hugging Face's config.json.
struct ModelConfig {
  int64_t vocab_size = 256;
  int64_t hidden_size = 1024;
  int64_t intermediate_size = 4096;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 8;
  int64_t num_key_value_heads = 8;
  int64_t head_dim = 128;
  int64_t max_position_embeddings = 2048;
  double rms_norm_eps = 1e-5;
  double rope_theta = 10000.0;
  bool tie_word_embeddings = true;
  bool attention_bias = false;  ///< bias on q, k, v and o projections
  bool mlp_bias = false;
  bool qk_norm = false;           ///< RMSNorm on each head's q and k
  int64_t short_convolution = 0;  ///< tokens that a convolution of the projected q, k and v sees; 0: there is none
  double initializer_range = 0.02;
  std::optional<int32_t> bos_token_id = std::nullopt;  ///< begins a text; empty if the tokenizer has none
  std::vector<int32_t> eos_token_ids = {};             ///< each ends a text
  MemoryConfig memory;
  DepthConfig depth;
  bool operator==(const ModelConfig&) const = default;

  /// The first impossible value (heads not a multiple of KV heads, an odd head_dim, …), or nothing.
  std::optional<ConfigFault> fault() const;
  /// Throws UserError that names the key if a value is impossible.
  void validate() const;
};

/// Reads Hugging Face's config.json (`llama` or `infini_llama`, with rope_theta or rope_parameters). Errors name the
/// file by `where`.
ModelConfig model_config_from_json(const nlohmann::json& json, const std::string& where);
nlohmann::json model_config_to_json(const ModelConfig& config);

}  // namespace infini
