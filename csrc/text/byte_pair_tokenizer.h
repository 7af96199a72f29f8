#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "text/added_tokens.h"
#include "text/byte_pair_encoding.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/token_decoder.h"
#include "text/tokenizer.h"

namespace infini {

/// A tokenizer by byte-pair encoding, as its files describe it, in the order in which a text goes through it. Bytes of
/// a text that are no UTF-8 are read as U+FFFD, as Python's errors="replace" does.
struct BytePairTokenizerParts {
  std::vector<AddedToken> added_tokens = {};  ///< with different ids
  Normalizer normalizer = {};
  PreTokenizer pre_tokenizer = {};
  BytePairVocabulary vocabulary = {};
  TokenDecoder decoder = {};  ///< not used if the vocabulary is byte-level
  std::optional<int32_t> bos = {}, eos = {};
  std::vector<int32_t> stop_ids = {};
  std::string source = {};                ///< the file, for messages
  std::vector<TokenizerFile> files = {};  ///< to be kept with a checkpoint
};

class BytePairTokenizer : public Tokenizer {
 public:
  explicit BytePairTokenizer(BytePairTokenizerParts parts);

  std::string kind() const override { return "byte_pair"; }
  std::vector<int32_t> encode(std::string_view text) const override;
  size_t safe_cut(std::string_view text) const override;
  /// Special tokens give their names. An id without a token gives nothing: embeddings may have more rows than there are
  /// tokens.
  std::string decode(const std::vector<int32_t>& ids) const override;
  std::string token_bytes(int32_t id) const override;
  int64_t vocab_size() const override { return static_cast<int64_t>(token_of_id_.size()); }
  int32_t document_start() const override;
  std::optional<int32_t> bos() const override { return parts_.bos; }
  std::optional<int32_t> eos() const override { return parts_.eos; }
  std::optional<int32_t> unk() const override;
  std::vector<int32_t> stop_ids() const override { return parts_.stop_ids; }
  std::vector<TokenizerFile> files() const override { return parts_.files; }

 private:
  struct Token {
    std::string text;
    bool added = false, special = false;
  };
  /// What one thread needs to encode. They are kept for the next call.
  using Caches = std::vector<std::unique_ptr<WordCache>>;

  std::unique_ptr<WordCache> take_cache() const;

  BytePairTokenizerParts parts_;
  BytePairEncoding encoding_;
  AddedTokenFinder raw_finder_, normalized_finder_;
  std::vector<Token> token_of_id_;
  bool can_be_cut_ = false;
  mutable std::mutex caches_mutex_;
  mutable Caches caches_;
};

}  // namespace infini
