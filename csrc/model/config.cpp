#include "model/config.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/generation_config.h"
#include "io/json_object.h"
#include "log/error.h"
#include "model/memory_kinds.h"
#include "ops/short_convolution.h"

namespace infini {
namespace {

using nlohmann::json;

/// Only the plain rotary embedding: positions never exceed a segment, so no scaling of longer contexts applies.
double read_rope_theta(const JsonObject& config) {
  double theta = config.get_or("rope_theta", 10000.0);
  for (const char* const key : {"rope_scaling", "rope_parameters"}) {
    if (!config.has(key)) continue;
    const JsonObject rope = config.child(key);
    const std::string type = rope.get_or<std::string>("rope_type", rope.get_or<std::string>("type", "default"));
    if (type != "default") rope.refuse("the rope_type \"" + type + "\" is not supported, only \"default\" is");
    theta = rope.get_or("rope_theta", theta);
    if (rope.get_or("partial_rotary_factor", 1.0) != 1.0) rope.refuse("partial_rotary_factor must be 1");
  }
  if (config.get_or("partial_rotary_factor", 1.0) != 1.0) config.refuse("partial_rotary_factor must be 1");
  return theta;
}

MemoryConfig read_memory(const JsonObject& config) {
  if (!config.has("infini")) return {};
  const JsonObject infini = config.child("infini");
  MemoryConfig memory;
  memory.segment_length = infini.get<int64_t>("segment_length");
  memory.kind = infini.get_or<std::string>("kind", "infini");
  if (memory.kind == MemoryConfig().kind) memory.update = infini.get<std::string>("update");
  for (const MemoryField& field : memory_fields()) {
    memory.*field.value = infini.get_or<int64_t>(std::string(field.name), memory.*field.value);
  }
  return memory;
}

DepthConfig read_depth(const JsonObject& infini) {
  if (!infini.has("depth")) return {};
  const JsonObject depth = infini.child("depth");
  return {.capacity = depth.get<double>("capacity"), .every = depth.get<int64_t>("every")};
}

json memory_to_json(const MemoryConfig& memory) {
  json result = {{"kind", memory.kind}, {"segment_length", memory.segment_length}};
  const MemoryKind& kind = find_memory_kind(memory.kind);
  if (memory.kind == MemoryConfig().kind) result["update"] = memory.update;
  for (const MemoryField& field : memory_fields()) {
    if (kind.has(field)) result[std::string(field.name)] = memory.*field.value;
  }
  return result;
}

std::optional<ConfigFault> depth_fault(const ModelConfig& config) {
  const auto [capacity, every] = config.depth;
  if (!(capacity > 0 && capacity <= 1)) {
    return ConfigFault{"depth.capacity", "must be more than 0 and at most 1, is " + json(capacity).dump()};
  }
  if (every < 1 || every > config.num_hidden_layers) {
    return ConfigFault{"depth.every", "must be from 1 to num_hidden_layers (" +
                                          std::to_string(config.num_hidden_layers) + "), is " + std::to_string(every)};
  }
  if (capacity < 1 && config.memory.segment_length == 0) {
    return ConfigFault{"depth.capacity",
                       "must be 1 for a model without segments: it is a share of each segment's tokens"};
  }
  return std::nullopt;
}

std::optional<ConfigFault> convolution_fault(const ModelConfig& config) {
  const int64_t width = config.short_convolution;
  if (width == 0) return std::nullopt;
  const auto fault = [](const std::string& message) { return ConfigFault{"short_convolution", message}; };
  if (width < ops::fewest_taps || width > ops::most_taps) {
    return fault("must be 0 (none) or from " + std::to_string(ops::fewest_taps) + " to " +
                 std::to_string(ops::most_taps) + ", is " + std::to_string(width));
  }
  if (!find_memory_kind(config.memory.kind).has_convolution) {
    return fault("must be 0 for the kind of memory " + config.memory.kind + ", is " + std::to_string(width));
  }
  if (config.depth.capacity < 1) {
    return fault("must be 0 where depth.capacity is less than 1, is " + std::to_string(width) +
                 ": tokens that go through a block are no neighbours in the text");
  }
  return std::nullopt;
}

std::optional<ConfigFault> memory_fault(const ModelConfig& config) {
  const MemoryConfig& memory = config.memory;
  const auto text = [](const auto& value) { return json(value).dump(); };
  if (std::ranges::find(memory_kinds(), memory.kind, &MemoryKind::name) == memory_kinds().end()) {
    return ConfigFault{"memory.kind", "must be one of " + memory_kind_names() + ", is " + text(memory.kind)};
  }
  if (memory.segment_length < 0) {
    return ConfigFault{"memory.segment_length", "must be at least 0, is " + text(memory.segment_length)};
  }
  if (memory.update != "linear" && memory.update != "delta" && memory.update != "none") {
    return ConfigFault{"memory.update", "must be linear, delta or none, is " + text(memory.update)};
  }
  const bool is_infini = memory.kind == MemoryConfig().kind;
  if (!is_infini && memory.update != "none") {
    return ConfigFault{"memory.update", "belongs to the kind infini; leave it out for " + memory.kind};
  }
  if (memory.segment_length == 0 && (memory.update != "none" || !is_infini)) {
    return ConfigFault{"memory.segment_length",
                       "must be at least 1 where memory." +
                           (is_infini ? "update is " + memory.update : "kind is " + memory.kind) +
                           ", is 0 (no segments)"};
  }
  const MemoryKind& kind = find_memory_kind(memory.kind);
  for (const MemoryField& field : memory_fields()) {
    const int64_t value = memory.*field.value;
    const std::string key = "memory." + std::string(field.name);
    if (!kind.has(field) && value != MemoryConfig().*field.value) {
      return ConfigFault{key, "does not belong to the kind " + memory.kind + "; leave it out"};
    }
    if (kind.has(field) && value < field.minimum) {
      return ConfigFault{key, "must be at least " + text(field.minimum) + " for the kind " + memory.kind + ", is " +
                                  (value == MemoryConfig().*field.value ? "not given" : text(value))};
    }
  }
  return kind.fault == nullptr ? std::nullopt : kind.fault(config);
}

}  // namespace

const std::vector<MemoryField>& memory_fields() {
  static const std::vector<MemoryField> fields = {
      {"cache_length", &MemoryConfig::cache_length, 1},
      {"compressed_length", &MemoryConfig::compressed_length, 1},
      {"compression_rate", &MemoryConfig::compression_rate, 1},
      {"layer", &MemoryConfig::layer, 0},
      {"slots", &MemoryConfig::slots, 1},
      {"neighbours", &MemoryConfig::neighbours, 1},
      {"memory_tokens", &MemoryConfig::memory_tokens, 1},
      {"summary_tokens", &MemoryConfig::summary_tokens, 1},
  };
  return fields;
}

std::optional<ConfigFault> ModelConfig::fault() const {
  const auto text = [](const auto& value) { return json(value).dump(); };
  const std::vector<std::pair<const char*, int64_t>> sizes = {{"vocab_size", vocab_size},
                                                              {"hidden_size", hidden_size},
                                                              {"intermediate_size", intermediate_size},
                                                              {"num_hidden_layers", num_hidden_layers},
                                                              {"num_attention_heads", num_attention_heads},
                                                              {"num_key_value_heads", num_key_value_heads},
                                                              {"head_dim", head_dim},
                                                              {"max_position_embeddings", max_position_embeddings}};
  for (const auto& [key, size] : sizes) {
    if (size < 1) return ConfigFault{key, "must be at least 1, is " + text(size)};
  }
  if (num_attention_heads % num_key_value_heads != 0) {
    return ConfigFault{"num_key_value_heads", "must divide num_attention_heads (" + text(num_attention_heads) +
                                                  "), is " + text(num_key_value_heads)};
  }
  if (head_dim % 2 != 0) {
    return ConfigFault{"head_dim", "must be even for the rotary embedding, is " + text(head_dim)};
  }
  // Both are used in float32, which rounds smaller numbers to 0.
  if (!(static_cast<float>(rms_norm_eps) > 0)) {
    return ConfigFault{"rms_norm_eps", "must be more than 0, is " + text(rms_norm_eps)};
  }
  if (!(static_cast<float>(rope_theta) > 0)) {
    return ConfigFault{"rope_theta", "must be more than 0, is " + text(rope_theta)};
  }
  if (!(initializer_range >= 0)) {
    return ConfigFault{"initializer_range", "must be at least 0, is " + text(initializer_range)};
  }
  if (auto found = memory_fault(*this)) return found;
  if (auto found = depth_fault(*this)) return found;
  return convolution_fault(*this);
}

void ModelConfig::validate() const {
  if (const std::optional<ConfigFault> found = fault()) throw UserError(found->key + " " + found->message);
}

ModelConfig model_config_from_json(const json& config_json, const std::string& where) {
  const JsonObject config(config_json, where);
  const std::string type = config.get<std::string>("model_type");
  if (type != "llama" && type != "infini_llama") {
    config.refuse("the model_type \"" + type + "\" is not supported, only \"llama\" and \"infini_llama\" are");
  }
  const std::string activation = config.get_or<std::string>("hidden_act", "silu");
  if (activation != "silu") config.refuse("hidden_act must be \"silu\", is \"" + activation + "\"");
  if (config.has("quantization_config")) config.refuse("quantised weights (quantization_config) are not supported");

  // Absent keys have the values that transformers' LlamaConfig gives them.
  ModelConfig model;
  model.vocab_size = config.get<int64_t>("vocab_size");
  model.hidden_size = config.get<int64_t>("hidden_size");
  model.intermediate_size = config.get<int64_t>("intermediate_size");
  model.num_hidden_layers = config.get<int64_t>("num_hidden_layers");
  model.num_attention_heads = config.get<int64_t>("num_attention_heads");
  model.num_key_value_heads = config.get_or("num_key_value_heads", model.num_attention_heads);
  const int64_t heads = std::max<int64_t>(model.num_attention_heads, 1);  // fewer are refused below
  if (!config.has("head_dim") && model.hidden_size % heads != 0) {
    config.refuse("hidden_size (" + std::to_string(model.hidden_size) +
                  ") must be a multiple of num_attention_heads (" + std::to_string(heads) +
                  ") where head_dim is not given");
  }
  model.head_dim = config.get_or("head_dim", model.hidden_size / heads);
  model.max_position_embeddings = config.get_or<int64_t>("max_position_embeddings", 2048);
  model.rms_norm_eps = config.get_or("rms_norm_eps", 1e-6);
  model.rope_theta = read_rope_theta(config);
  model.tie_word_embeddings = config.get_or("tie_word_embeddings", false);
  model.attention_bias = config.get_or("attention_bias", false);
  model.mlp_bias = config.get_or("mlp_bias", false);
  model.qk_norm = config.get_or("qk_norm", false);
  model.short_convolution = config.get_or<int64_t>("short_convolution", 0);
  model.initializer_range = config.get_or("initializer_range", 0.02);
  if (config.has("bos_token_id")) model.bos_token_id = static_cast<int32_t>(config.get<int64_t>("bos_token_id"));
  model.eos_token_ids = eos_token_ids_of(config_json, where);
  model.memory = read_memory(config);
  if (config.has("infini")) model.depth = read_depth(config.child("infini"));
  if (const std::optional<ConfigFault> found = model.fault()) {
    const bool in_memory = found->key.starts_with("memory."), in_depth = found->key.starts_with("depth.");
    const std::string key = in_memory ? "infini." + found->key.substr(7) : (in_depth ? "infini." : "") + found->key;
    config.refuse(key + " " + found->message);
  }
  return model;
}

json model_config_to_json(const ModelConfig& config) {
  // A model that plain Llama cannot express must not be named llama: transformers would load another model.
  const bool is_llama = config.memory.segment_length == 0 && !config.qk_norm && config.short_convolution == 0;
  json result = {
      {"architectures", {is_llama ? "LlamaForCausalLM" : "InfiniLlamaForCausalLM"}},
      {"model_type", is_llama ? "llama" : "infini_llama"},
      {"vocab_size", config.vocab_size},
      {"hidden_size", config.hidden_size},
      {"intermediate_size", config.intermediate_size},
      {"num_hidden_layers", config.num_hidden_layers},
      {"num_attention_heads", config.num_attention_heads},
      {"num_key_value_heads", config.num_key_value_heads},
      {"head_dim", config.head_dim},
      {"hidden_act", "silu"},
      {"max_position_embeddings", config.max_position_embeddings},
      {"rms_norm_eps", config.rms_norm_eps},
      {"rope_theta", config.rope_theta},
      {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", config.rope_theta}}},  // the form of transformers 5
      {"tie_word_embeddings", config.tie_word_embeddings},
      {"attention_bias", config.attention_bias},
      {"mlp_bias", config.mlp_bias},
      {"initializer_range", config.initializer_range},
      {"torch_dtype", "float32"},
      // null if there is none; an absent key would get transformers' own default
      {"bos_token_id", config.bos_token_id ? json(*config.bos_token_id) : json()},
      {"eos_token_id", eos_token_ids_to_json(config.eos_token_ids)},
  };
  if (config.qk_norm) result["qk_norm"] = true;
  if (config.short_convolution > 0) result["short_convolution"] = config.short_convolution;
  if (config.memory.segment_length > 0) result["infini"] = memory_to_json(config.memory);
  if (config.depth.capacity < 1) {
    result["infini"]["depth"] = {{"capacity", config.depth.capacity}, {"every", config.depth.every}};
  }
  return result;
}

}  // namespace infini
