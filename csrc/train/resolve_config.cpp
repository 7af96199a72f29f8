#include "train/resolve_config.h"

#include <algorithm>
#include <string>

#include "checkpoint/generation_config.h"
#include "data/dataset_description.h"
#include "io/json_file.h"
#include "log/error.h"

namespace infini {
namespace {

namespace fs = std::filesystem;

/// The keys of a model as a configuration file spells them.
nlohmann::ordered_json model_keys(const ModelConfig& model) {
  nlohmann::ordered_json keys = {{"model.vocab_size", model.vocab_size},
                                 {"model.hidden_size", model.hidden_size},
                                 {"model.intermediate_size", model.intermediate_size},
                                 {"model.num_hidden_layers", model.num_hidden_layers},
                                 {"model.num_attention_heads", model.num_attention_heads},
                                 {"model.num_key_value_heads", model.num_key_value_heads},
                                 {"model.head_dim", model.head_dim},
                                 {"model.rms_norm_eps", model.rms_norm_eps},
                                 {"model.rope_theta", model.rope_theta},
                                 {"model.tie_word_embeddings", model.tie_word_embeddings},
                                 {"model.attention_bias", model.attention_bias},
                                 {"model.mlp_bias", model.mlp_bias},
                                 {"model.qk_norm", model.qk_norm},
                                 {"model.short_convolution", model.short_convolution},
                                 {"model.memory.kind", model.memory.kind},
                                 {"model.memory.segment_length", model.memory.segment_length},
                                 {"model.memory.update", model.memory.update}};
  for (const MemoryField& field : memory_fields()) {
    keys["model.memory." + std::string(field.name)] = model.memory.*field.value;
  }
  keys["model.depth.capacity"] = model.depth.capacity;
  keys["model.depth.every"] = model.depth.every;
  return keys;
}

/// The checkpoint from which a run starts; empty if it starts from random weights.
const fs::path& origin(const TrainConfig& config, const fs::path& own_checkpoint) {
  return own_checkpoint.empty() ? config.initial_checkpoint : own_checkpoint;
}

void resolve_vocabulary(TrainConfig& config, const fs::path& own_checkpoint) {
  const int64_t of_data = config.data.path.empty() ? tokenizer_of(config, own_checkpoint)->vocab_size()
                                                   : read_dataset_description(config.data.path).vocab_size;
  int64_t& vocab_size = config.model.vocab_size;
  if (const fs::path& checkpoint = origin(config, own_checkpoint); !checkpoint.empty()) {
    // An embedding may have more rows than the tokenizer has tokens.
    if (vocab_size == 0) {
      vocab_size = model_config_from_json(read_json(checkpoint / "config.json"), checkpoint.string()).vocab_size;
    }
    if (vocab_size >= of_data) return;
  }
  if (vocab_size == 0) vocab_size = of_data;
  if (vocab_size != of_data) {
    throw UserError("model.vocab_size is " + std::to_string(vocab_size) + ", but " +
                    (config.data.path.empty() ? "the task's tokenizer" : "the data in " + config.data.path.string()) +
                    " has " + std::to_string(of_data) + " tokens; leave the key out to take that");
  }
}

/// Refuses weights that were trained with other tokens than those of the data: to them the data is noise.
void check_tokenizer_of_weights(const TrainConfig& config, const fs::path& checkpoint) {
  if (config.data.path.empty() || checkpoint.empty()) return;
  read_dataset_description(config.data.path);  // throws the right message if this is not a data folder
  const auto of_weights = load_tokenizer_if_there(checkpoint);
  if (!of_weights || same_tokenizer(*load_tokenizer(config.data.path), *of_weights)) return;
  throw UserError("the data in " + config.data.path.string() + " were prepared with another tokenizer than that of " +
                  "the weights in " + checkpoint.string() + ": prepare them with the checkpoint's");
}

/// config.json names the tokens that begin and end a text. They come from the tokenizer and from the checkpoint of the
/// weights.
void resolve_special_tokens(TrainConfig& config, const fs::path& own_checkpoint) {
  const auto tokenizer = tokenizer_of(config, own_checkpoint);
  config.model.bos_token_id = tokenizer->bos();
  if (const auto eos = tokenizer->eos()) config.model.eos_token_ids = {*eos};
  const fs::path& checkpoint = origin(config, own_checkpoint);
  if (checkpoint.empty()) return;
  for (const int32_t id : read_eos_token_ids(checkpoint)) {
    std::vector<int32_t>& ids = config.model.eos_token_ids;
    if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
  }
}

}  // namespace

std::shared_ptr<const Tokenizer> tokenizer_of(const TrainConfig& config, const fs::path& own_checkpoint) {
  if (!config.data.path.empty()) return load_tokenizer(config.data.path);
  const fs::path& checkpoint = origin(config, own_checkpoint);
  return checkpoint.empty() ? make_byte_tokenizer() : load_tokenizer(checkpoint);
}

TrainConfig resolve_config(TrainConfig config, const fs::path& own_checkpoint) {
  check_tokenizer_of_weights(config, origin(config, own_checkpoint));
  resolve_vocabulary(config, own_checkpoint);
  resolve_special_tokens(config, own_checkpoint);
  config.model.validate();
  if (own_checkpoint.empty() && !config.initial_checkpoint.empty()) {
    require_same_model(config.model, read_json(config.initial_checkpoint / "config.json"),
                       config.initial_checkpoint.string(), /*memory_too=*/false);
  }
  return config;
}

void require_same_model(const ModelConfig& model, const nlohmann::json& checkpoint_config,
                        const std::string& checkpoint, bool memory_too) {
  const nlohmann::ordered_json asked = model_keys(model);
  const nlohmann::ordered_json found = model_keys(model_config_from_json(checkpoint_config, checkpoint));
  for (const auto& [key, value] : asked.items()) {
    if (value == found[key] || (!memory_too && key.starts_with("model.memory."))) continue;
    throw UserError(key + " is " + value.dump() + " in the configuration, but " + found[key].dump() + " in " +
                    checkpoint + "; set it to " + found[key].dump() + ", or begin a new run under another name");
  }
}

}  // namespace infini
