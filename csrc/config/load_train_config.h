#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "train/train_config.h"

namespace infini {

/// Reads the YAML of an experiment. Its keys are the fields of TrainConfig (`model.memory.update`). An absent key keeps
/// its default. `base: other.yaml` (relative to the file with this key) takes the other file first, so a file needs
/// only the keys that differ. `overrides` are the values of --set, `key.path=value`. They win over the files, and a
/// later one wins over an earlier one. The rules of `parameters` come first, then those of the base, then the built-in
/// rules. A rule replaces later rules with the same match.
/// Some defaults depend on other keys: `model.head_dim` is hidden_size / num_attention_heads,
/// `model.num_key_value_heads` is num_attention_heads, `model.max_position_embeddings` is the segment length
/// (train_length if there are no segments). A `model.vocab_size` that is absent or 0 is returned as 0: the tokenizer of
/// the data decides.
/// Throws UserError for anything that is unknown, given twice, of a wrong type or impossible. The message is one line
/// with file, line, key and a right value. Reads no files except this one and its bases.
TrainConfig load_train_config(const std::filesystem::path& file, const std::vector<std::string>& overrides);

}  // namespace infini
