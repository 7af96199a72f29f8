#pragma once

#include <sentencepiece_processor.h>

#include <string>

#include "text/sentencepiece_cuts.h"
#include "text/tokenizer.h"

namespace infini {

/// A sentencepiece model (unigram or BPE). document_start is its <s>, or its </s> if it has no <s>.
class SentencepieceTokenizer : public Tokenizer {
 public:
  /// Throws a UserError that names the file if it is not a sentencepiece model, or if it has neither <s> nor </s>.
  explicit SentencepieceTokenizer(const std::filesystem::path& model_file);
  std::string kind() const override { return "sentencepiece"; }
  std::vector<int32_t> encode(std::string_view text) const override;
  size_t safe_cut(std::string_view text) const override;
  std::string decode(const std::vector<int32_t>& ids) const override;
  std::string token_bytes(int32_t id) const override;
  int64_t vocab_size() const override { return processor_.GetPieceSize(); }
  int32_t document_start() const override { return document_start_; }
  std::optional<int32_t> bos() const override { return id_or_nothing(processor_.bos_id()); }
  std::optional<int32_t> eos() const override { return id_or_nothing(processor_.eos_id()); }
  std::optional<int32_t> unk() const override;
  std::vector<TokenizerFile> files() const override;

 private:
  static std::optional<int32_t> id_or_nothing(int id) { return id < 0 ? std::nullopt : std::optional<int32_t>(id); }

  std::string model_;  ///< the content of the file, so `save` writes the same bytes
  sentencepiece::SentencePieceProcessor processor_;
  SentencepieceCuts cuts_;
  int32_t document_start_ = 0;
  bool has_bytes_ = false;  ///< uses byte tokens for characters that it does not have
};

}  // namespace infini
