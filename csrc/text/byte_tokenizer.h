#pragma once

#include "text/tokenizer.h"

namespace infini {

/// Token i is byte i. It loses nothing and needs no training. A decoded sequence may be invalid UTF-8.
class ByteTokenizer : public Tokenizer {
 public:
  static constexpr const char* kClass = "ByteTokenizer";  ///< in tokenizer_config.json

  std::string kind() const override { return "bytes"; }
  std::vector<int32_t> encode(std::string_view text) const override;
  size_t safe_cut(std::string_view text) const override;
  std::string decode(const std::vector<int32_t>& ids) const override;
  std::string token_bytes(int32_t id) const override { return decode({id}); }
  int64_t vocab_size() const override { return 256; }
  int32_t document_start() const override { return 0; }
  std::optional<int32_t> bos() const override { return std::nullopt; }
  std::optional<int32_t> eos() const override { return std::nullopt; }
  std::optional<int32_t> unk() const override { return std::nullopt; }
  std::vector<TokenizerFile> files() const override;
};

}  // namespace infini
