#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "text/tokenizer.h"

namespace infini {

/// Whether a tokenizer.model is a list of tokens in base64 with their ranks, as tiktoken has it, and not
/// sentencepiece's.
bool is_tiktoken_file(std::string_view content);

/// Loads such a file as Llama 3 has it: with Llama 3's pattern, and its 256 special tokens behind the others.
std::unique_ptr<Tokenizer> load_tiktoken(const std::filesystem::path& file);

}  // namespace infini
