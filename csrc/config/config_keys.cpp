#include "config/config_keys.h"

#include <algorithm>
#include <string>

#include "model/memory_kinds.h"

namespace infini {
namespace {

Limits at_least(double minimum) { return {.minimum = minimum}; }
Limits above(double minimum) { return {.minimum = minimum, .minimum_open = true}; }
Limits between(double minimum, double maximum) { return {.minimum = minimum, .maximum = maximum}; }
Limits fraction_below_one() { return {.minimum = 0, .maximum = 1, .maximum_open = true}; }
Limits one_of(std::vector<std::string_view> choices) { return {.choices = std::move(choices)}; }
Limits any() { return {}; }

std::vector<std::string_view> memory_kind_choices() {
  std::vector<std::string_view> names;
  for (const MemoryKind& kind : memory_kinds()) names.push_back(kind.name);
  return names;
}

// The second half of a row, so the table below has one line per key.
#define FIELD(member) [](TrainConfig& config) -> Field { return &config.member; }

std::vector<ConfigKey> make_config_keys() {
  // The limits of the model's keys are in ModelConfig::fault, which also checks checkpoints.
  std::vector<ConfigKey> keys = {
      {"name", FIELD(name), any()},
      {"output_folder", FIELD(output_folder), any()},
      {"device", FIELD(device), any()},
      {"threads", FIELD(threads), between(0, 1024)},
      {"precision", FIELD(precision), one_of({"float32", "bfloat16"})},
      {"seed", FIELD(seed), any()},
      {"steps", FIELD(steps), at_least(1)},
      {"train_length", FIELD(train_length), at_least(1)},
      {"batch_rows", FIELD(batch_rows), at_least(1)},
      {"accumulation", FIELD(accumulation), at_least(1)},
      {"segments_per_chunk", FIELD(segments_per_chunk), at_least(1)},
      {"shortest_segment", FIELD(shortest_segment), at_least(0), true},
      {"border_states", FIELD(border_states), one_of({"device", "host"})},
      {"carry_memory", FIELD(carry_memory), any()},
      {"gradient_clip", FIELD(gradient_clip), at_least(0)},
      {"max_skipped_steps", FIELD(max_skipped_steps), at_least(1)},
      {"initial_checkpoint", FIELD(initial_checkpoint), any()},
      {"data.path", FIELD(data.path), any()},
      {"model.vocab_size", FIELD(model.vocab_size), at_least(0)},
      {"model.hidden_size", FIELD(model.hidden_size), any()},
      {"model.intermediate_size", FIELD(model.intermediate_size), any()},
      {"model.num_hidden_layers", FIELD(model.num_hidden_layers), any()},
      {"model.num_attention_heads", FIELD(model.num_attention_heads), any()},
      {"model.num_key_value_heads", FIELD(model.num_key_value_heads), any()},
      {"model.head_dim", FIELD(model.head_dim), any()},
      {"model.max_position_embeddings", FIELD(model.max_position_embeddings), any()},
      {"model.rms_norm_eps", FIELD(model.rms_norm_eps), any()},
      {"model.rope_theta", FIELD(model.rope_theta), any()},
      {"model.tie_word_embeddings", FIELD(model.tie_word_embeddings), any()},
      {"model.attention_bias", FIELD(model.attention_bias), any()},
      {"model.mlp_bias", FIELD(model.mlp_bias), any()},
      {"model.qk_norm", FIELD(model.qk_norm), any()},
      {"model.short_convolution", FIELD(model.short_convolution), any(), true},
      {"model.initializer_range", FIELD(model.initializer_range), any()},
      {"model.memory.kind", FIELD(model.memory.kind), one_of(memory_kind_choices())},
      {"model.memory.segment_length", FIELD(model.memory.segment_length), any()},
      {"model.memory.update", FIELD(model.memory.update), one_of({"linear", "delta", "none"})},
      {"model.depth.capacity", FIELD(model.depth.capacity), any(), true},
      {"model.depth.every", FIELD(model.depth.every), any(), true},
      {"optimizer.name", FIELD(optimizer.name), one_of({"adamw", "adafactor"})},
      {"optimizer.learning_rate", FIELD(optimizer.learning_rate), at_least(0)},
      {"optimizer.beta1", FIELD(optimizer.beta1), fraction_below_one()},
      {"optimizer.beta2", FIELD(optimizer.beta2), fraction_below_one()},
      {"optimizer.epsilon", FIELD(optimizer.epsilon), above(0)},
      {"optimizer.weight_decay", FIELD(optimizer.weight_decay), at_least(0)},
      {"optimizer.decay_exponent", FIELD(optimizer.decay_exponent), above(0)},
      {"optimizer.clipping_threshold", FIELD(optimizer.clipping_threshold), above(0)},
      {"optimizer.scale_parameter", FIELD(optimizer.scale_parameter), any()},
      {"gate.initial_beta", FIELD(gate.initial_beta), any()},
      {"schedule.warmup_steps", FIELD(schedule.warmup_steps), at_least(0)},
      {"schedule.constant_steps", FIELD(schedule.constant_steps), at_least(0)},
      {"schedule.final_fraction", FIELD(schedule.final_fraction), between(0, 1)},
      {"checkpoint.every", FIELD(checkpoint.every), at_least(1)},
      {"checkpoint.keep_last", FIELD(checkpoint.keep_last), at_least(1)},
      {"logging.every", FIELD(logging.every), at_least(1)},
      {"logging.gates_every", FIELD(logging.gates_every), at_least(1)},
      {"validation.every", FIELD(validation.every), at_least(0)},
      {"validation.tokens", FIELD(validation.tokens), at_least(1)},
      {"task.kind", FIELD(task.kind), one_of({"none", "passkey", "passkeys", "key_value", "variables"})},
      {"task.digits", FIELD(task.digits), between(1, 1000)},
      {"task.needles", FIELD(task.needles), between(1, 1000)},
      {"task.fillers", FIELD(task.fillers), any()},
      {"task.documents", FIELD(task.documents), any()},
      {"task.language_loss", FIELD(task.language_loss), at_least(0)},
      {"curriculum.shortest", FIELD(curriculum.shortest), at_least(1)},
      {"curriculum.longest", FIELD(curriculum.longest), at_least(1)},
      {"curriculum.until_loss", FIELD(curriculum.until_loss), at_least(0)},
      {"curriculum.stage_steps", FIELD(curriculum.stage_steps), at_least(0)},
      {"memory_gain.largest", FIELD(memory_gain.largest), at_least(1)},
      {"memory_gain.segments", FIELD(memory_gain.segments), one_of({"unmarked", "all"})},
      {"early_stop.metric", FIELD(early_stop.metric), one_of({"none", "loss", "answer_loss", "exact_match"})},
      {"early_stop.patience", FIELD(early_stop.patience), at_least(1)},
  };
  // The sizes that only some kinds of memory have.
  auto behind = std::ranges::find(keys, "model.memory.update", &ConfigKey::path) + 1;
  for (const MemoryField& size : memory_fields()) {
    const auto field = [size](TrainConfig& config) -> Field { return &(config.model.memory.*size.value); };
    behind = keys.insert(behind, {"model.memory." + std::string(size.name), field, any(), true}) + 1;
  }
  return keys;
}

}  // namespace

const std::vector<ConfigKey>& config_keys() {
  static const std::vector<ConfigKey> keys = make_config_keys();
  return keys;
}

#undef FIELD

std::string_view ConfigKey::section() const {
  const size_t dot = path.rfind('.');
  return dot == std::string::npos ? std::string_view() : std::string_view(path).substr(0, dot);
}

std::string_view ConfigKey::name() const {
  return std::string_view(path).substr(path.rfind('.') + 1);  // npos + 1 is 0
}

bool ConfigKey::is_written(const TrainConfig& config) const {
  if (!only_if_set) return true;
  TrainConfig values = config, unset;  // copies, since keys refer to writable fields
  return field_text(field(values)) != field_text(field(unset));
}

const ConfigKey* find_key(std::string_view path) {
  for (const ConfigKey& key : config_keys()) {
    if (key.path == path) return &key;
  }
  return nullptr;
}

bool is_section(std::string_view path) {
  for (const ConfigKey& key : config_keys()) {
    if (key.path.size() > path.size() && key.path.starts_with(path) && key.path[path.size()] == '.') return true;
  }
  return false;
}

}  // namespace infini
