#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "train/train_config.h"

namespace infini {

/// Reads an experiment's YAML; its keys are TrainConfig's fields (`model.memory.update`), and a key left out keeps its
/// default. `base: other.yaml` (relative to the file that says it) begins from that file: then only what differs is
/// said. `overrides` are `key.path=value`, as given to --set; they win over the files, a later one over an earlier.
/// Rules of `parameters` stand before those of the base, which stand before the built-in ones; a rule replaces those
/// behind it that have the same match.
/// Where they are left out: `model.head_dim` is hidden_size / num_attention_heads, `model.num_key_value_heads` is
/// num_attention_heads, `model.max_position_embeddings` is the segment (without segments, the train_length).
/// `model.vocab_size` left out or 0 is returned as 0: the data's tokenizer decides.
/// Throws UserError, one line with file, line, key and what would be right, for anything that is unknown, given twice,
/// of a wrong type or impossible. Touches no file but this one and its bases.
TrainConfig load_train_config(const std::filesystem::path& file, const std::vector<std::string>& overrides);

}  // namespace infini
