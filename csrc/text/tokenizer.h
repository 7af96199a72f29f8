#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace infini {

/// Text to token ids and back. Thread-safe for encoding and decoding.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual std::vector<int32_t> encode(std::string_view text) const = 0;
  virtual std::string decode(const std::vector<int32_t>& ids) const = 0;
  virtual int64_t vocab_size() const = 0;
  /// Stands before the first token of every document, so that the first one is predicted too.
  virtual int32_t document_start() const = 0;
  /// Writes the files that `load_tokenizer` reads back: tokenizer_config.json, and tokenizer.model for sentencepiece.
  virtual void save(const std::filesystem::path& folder) const = 0;
};

/// 256 tokens, one a byte; document_start is 0.
std::unique_ptr<Tokenizer> make_byte_tokenizer();
/// A sentencepiece model file.
std::unique_ptr<Tokenizer> load_sentencepiece(const std::filesystem::path& model_file);
/// Reads a checkpoint's or data folder's tokenizer.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder);

}  // namespace infini
