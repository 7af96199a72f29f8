#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "text/tokenizer.h"

namespace infini {

/// The two files of GPT-2's tokenizer.
struct Gpt2Files {
  std::filesystem::path vocabulary, merges;
};

/// vocab.json and merges.txt, or by their first names encoder.json and vocab.bpe, if the folder has them.
std::optional<Gpt2Files> find_gpt2_files(const std::filesystem::path& folder);

/// Loads them. Special tokens are those that tokenizer_config.json names, or <|endoftext|>.
std::unique_ptr<Tokenizer> load_gpt2(const Gpt2Files& files);

}  // namespace infini
