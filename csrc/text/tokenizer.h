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

/// Names of a tokenizer's files, in a checkpoint folder or a data folder.
inline constexpr const char* kTokenizerConfigFile = "tokenizer_config.json";
inline constexpr const char* kTokenizerJsonFile = "tokenizer.json";
inline constexpr const char* kSentencepieceFile = "tokenizer.model";

struct TokenizerFile {
  std::string name, content;
};

/// Text to token ids and back. Thread-safe for encoding and decoding.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  /// "bytes", "sentencepiece" or "byte_pair".
  virtual std::string kind() const = 0;
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
  /// Where generation stops: eos, and whatever else the tokenizer's files say ends a text.
  virtual std::vector<int32_t> stop_ids() const;
  /// The files for `load_tokenizer`, which a checkpoint keeps.
  virtual std::vector<TokenizerFile> files() const = 0;
};

/// Writes the tokenizer's files into a folder.
void save_tokenizer(const Tokenizer& tokenizer, const std::filesystem::path& folder);

/// 256 tokens, one per byte. document_start is 0.
std::unique_ptr<Tokenizer> make_byte_tokenizer();
/// Loads a sentencepiece model file.
std::unique_ptr<Tokenizer> load_sentencepiece(const std::filesystem::path& model_file);
/// Reads the tokenizer of a checkpoint or data folder, or one of its files. A folder with several has, in this order:
/// tokenizer.json (Hugging Face), tokenizer.model (sentencepiece, or tiktoken's as Llama 3 has it), vocab.json and
/// merges.txt or encoder.json and vocab.bpe (GPT-2), tokenizer_config.json of our tokenizer of bytes.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder_or_file);
/// The same, or null if the folder has none.
std::unique_ptr<Tokenizer> load_tokenizer_if_there(const std::filesystem::path& folder);

/// Whether both give every id the same meaning, and cut a test text with several scripts and signs in the same way.
bool same_tokenizer(const Tokenizer& a, const Tokenizer& b);

}  // namespace infini
