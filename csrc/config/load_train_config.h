#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "train/train_config.h"

namespace infini {

/// Reads an experiment's YAML; its keys are TrainConfig's fields (`model.memory.update`), and a key left out keeps its
/// default. `overrides` are `key.path=value`, as given to --set; they win over the file, a later one over an earlier.
/// Where they are left out: `model.head_dim` is hidden_size / num_attention_heads, `model.num_key_value_heads` is
/// num_attention_heads, `model.max_position_embeddings` is the segment (without segments, the train_length).
/// `model.vocab_size` left out or 0 is returned as 0: the data's tokenizer decides.
/// Throws UserError, one line with file, line, key and what would be right, for anything that is unknown, given twice,
/// of a wrong type or impossible. Touches no file but this one.
TrainConfig load_train_config(const std::filesystem::path& file, const std::vector<std::string>& overrides);

/// All keys of a configuration as YAML; reading it back gives the same configuration.
std::string to_yaml(const TrainConfig& config);

}  // namespace infini
