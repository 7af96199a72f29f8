#include "text/sentencepiece_tokenizer.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "io/mapped_file.h"
#include "log/error.h"

namespace infini {

SentencepieceTokenizer::SentencepieceTokenizer(const std::filesystem::path& model_file)
    : model_(MappedFile(model_file).text()) {
  const auto status = processor_.LoadFromSerializedProto(model_);
  if (!status.ok() || processor_.GetPieceSize() == 0) {
    throw UserError(model_file.string() + " is not a sentencepiece model, or is damaged");
  }
  cuts_ = SentencepieceCuts(processor_);
  document_start_ = processor_.bos_id() >= 0 ? processor_.bos_id() : processor_.eos_id();
  if (document_start_ < 0) {
    throw UserError(model_file.string() +
                    " has neither <s> nor </s>; one of them must stand before the first token of every document");
  }
  for (int id = 0; id < processor_.GetPieceSize() && !has_bytes_; ++id) has_bytes_ = processor_.IsByte(id);
}

std::optional<int32_t> SentencepieceTokenizer::unk() const {
  return has_bytes_ ? std::nullopt : id_or_nothing(processor_.unk_id());
}

std::vector<int32_t> SentencepieceTokenizer::encode(std::string_view text) const {
  std::vector<int> ids;
  const auto status = processor_.Encode(text, &ids);
  if (!status.ok()) throw std::runtime_error("sentencepiece cannot encode a text: " + status.ToString());
  return ids;
}

size_t SentencepieceTokenizer::safe_cut(std::string_view text) const { return cuts_.last_in(text); }

std::string SentencepieceTokenizer::decode(const std::vector<int32_t>& ids) const {
  for (const int32_t id : ids) {
    if (id < 0 || id >= vocab_size()) {
      throw std::runtime_error("token " + std::to_string(id) + " is not in the vocabulary (0 to " +
                               std::to_string(vocab_size() - 1) + ")");
    }
  }
  std::string text;
  const auto status = processor_.Decode(ids, &text);
  if (!status.ok()) throw std::runtime_error("sentencepiece cannot decode tokens: " + status.ToString());
  return text;
}

std::string SentencepieceTokenizer::token_bytes(int32_t id) const {
  // Alone, a token of one byte of a character decodes to U+FFFD, and a word loses the space in front of it.
  if (processor_.IsControl(id) || processor_.IsUnused(id)) return "";
  if (processor_.IsUnknown(id)) return decode({id});
  return text_of_pieces({processor_.IdToPiece(id)});
}

std::vector<TokenizerFile> SentencepieceTokenizer::files() const {
  // transformers needs this to read tokenizer.model.
  nlohmann::json config = {{"tokenizer_class", "LlamaTokenizer"}, {"add_eos_token", false}, {"legacy", false}};
  config["add_bos_token"] = processor_.bos_id() >= 0;
  if (processor_.bos_id() >= 0) config["bos_token"] = processor_.IdToPiece(processor_.bos_id());
  if (processor_.eos_id() >= 0) config["eos_token"] = processor_.IdToPiece(processor_.eos_id());
  if (processor_.unk_id() >= 0) config["unk_token"] = processor_.IdToPiece(processor_.unk_id());
  return {{kSentencepieceFile, model_}, {kTokenizerConfigFile, config.dump(2) + "\n"}};
}

std::unique_ptr<Tokenizer> load_sentencepiece(const std::filesystem::path& model_file) {
  return std::make_unique<SentencepieceTokenizer>(model_file);
}

}  // namespace infini
