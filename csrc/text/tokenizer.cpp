#include "text/tokenizer.h"

#include "io/json_file.h"
#include "log/error.h"
#include "text/byte_tokenizer.h"

namespace infini {
namespace {

/// Two tokenizers with the same pieces can still cut words differently. In this text they probably do.
constexpr const char* kProbe = "The 21 wisest men of Éire, unsurprisingly, mis-\n\tread \"∑ x² = 1\"! Что? 何と。";

}  // namespace

std::unique_ptr<Tokenizer> load_tokenizer_if_there(const std::filesystem::path& folder) {
  const bool there =
      std::filesystem::exists(folder / kSentencepieceFile) || std::filesystem::exists(folder / kTokenizerConfigFile);
  return there ? load_tokenizer(folder) : nullptr;
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder)) throw UserError("no such folder: " + folder.string());
  if (std::filesystem::exists(folder / kSentencepieceFile)) return load_sentencepiece(folder / kSentencepieceFile);
  const std::filesystem::path file = folder / kTokenizerConfigFile;
  const std::string expected =
      "; expected tokenizer.model (sentencepiece), or tokenizer_config.json with "
      "\"tokenizer_class\": \"ByteTokenizer\"";
  if (!std::filesystem::exists(file)) throw UserError("no tokenizer in " + folder.string() + expected);
  const nlohmann::json config = read_json(file);
  if (!config.is_object()) throw UserError(file.string() + " is not a JSON object");
  if (config.value("tokenizer_class", nlohmann::json()) == ByteTokenizer::kClass) return make_byte_tokenizer();
  throw UserError("the tokenizer in " + folder.string() + " is of a kind that cannot be read" + expected);
}

bool same_tokenizer(const Tokenizer& a, const Tokenizer& b) {
  if (a.vocab_size() != b.vocab_size() || a.document_start() != b.document_start()) return false;
  if (a.bos() != b.bos() || a.eos() != b.eos() || a.unk() != b.unk()) return false;
  for (int32_t id = 0; id < a.vocab_size(); ++id) {
    if (a.decode({id}) != b.decode({id})) return false;
  }
  return a.encode(kProbe) == b.encode(kProbe);
}

}  // namespace infini
