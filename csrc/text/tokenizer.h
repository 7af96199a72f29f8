#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace infini {

/// The files of a tokenizer, in a checkpoint folder or a data folder.
inline constexpr const char* kTokenizerConfigFile = "tokenizer_config.json";
inline constexpr const char* kSentencepieceFile = "tokenizer.model";

/// Text to token ids and back. Thread-safe for encoding and decoding.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual std::vector<int32_t> encode(std::string_view text) const = 0;
  /// An offset inside `text`, the last that is found, where it can be cut: the ids of the two parts, encoded each by
  /// itself, are those of the whole. 0 where there is none.
  virtual size_t safe_cut(std::string_view text) const = 0;
  virtual std::string decode(const std::vector<int32_t>& ids) const = 0;
  /// The bytes that a token stands for inside a text, for example " the", or one byte of a character of several. Empty
  /// for tokens that stand for no text, such as bos and eos. What stands for unk is no letter.
  virtual std::string token_bytes(int32_t id) const = 0;
  virtual int64_t vocab_size() const = 0;
  /// Comes before every document, so the first token of the document is predicted too. It is the bos if there is one.
  virtual int32_t document_start() const = 0;
  /// Begins a text. It is never predicted.
  virtual std::optional<int32_t> bos() const = 0;
  /// Ends every document. It is predicted like any other token, and generation stops there.
  virtual std::optional<int32_t> eos() const = 0;
  /// Stands for text that the tokenizer cannot express. Empty if it can express every text.
  virtual std::optional<int32_t> unk() const = 0;
  /// Writes the files for `load_tokenizer`: tokenizer_config.json, and tokenizer.model for sentencepiece.
  virtual void save(const std::filesystem::path& folder) const = 0;
};

/// 256 tokens, one per byte. document_start is 0.
std::unique_ptr<Tokenizer> make_byte_tokenizer();
/// Loads a sentencepiece model file.
std::unique_ptr<Tokenizer> load_sentencepiece(const std::filesystem::path& model_file);
/// Reads the tokenizer of a checkpoint or data folder.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder);
/// The same, or null if the folder has none.
std::unique_ptr<Tokenizer> load_tokenizer_if_there(const std::filesystem::path& folder);

/// Whether both give every id the same meaning, and cut a test text with several scripts and signs in the same way.
bool same_tokenizer(const Tokenizer& a, const Tokenizer& b);

}  // namespace infini
