#include "text/tokenizer.h"

#include "io/atomic_file.h"
#include "io/json_file.h"
#include "io/mapped_file.h"
#include "log/error.h"
#include "text/byte_tokenizer.h"
#include "text/gpt2_files.h"
#include "text/tiktoken_file.h"
#include "text/tokenizer_json.h"

namespace infini {
namespace {

namespace fs = std::filesystem;

/// Two tokenizers with the same pieces can still cut words differently. In this text they probably do.
constexpr const char* kProbe = "The 21 wisest men of Éire, unsurprisingly, mis-\n\tread \"∑ x² = 1\"! Что? 何と。";

constexpr const char* kExpected =
    "; expected tokenizer.json (Hugging Face), tokenizer.model (sentencepiece or tiktoken), vocab.json and merges.txt "
    "or "
    "encoder.json and vocab.bpe (GPT-2), or tokenizer_config.json with \"tokenizer_class\": \"ByteTokenizer\"";

/// Also of a link that leads nowhere: reading it tells why.
bool is_there(const fs::path& path) { return fs::exists(fs::symlink_status(path)); }

bool is_byte_tokenizer(const fs::path& config_file) {
  const nlohmann::json config = read_json(config_file);
  if (!config.is_object()) throw UserError(config_file.string() + " is not a JSON object");
  return config.value("tokenizer_class", nlohmann::json()) == ByteTokenizer::kClass;
}

std::unique_ptr<Tokenizer> load_model_file(const fs::path& file) {
  return is_tiktoken_file(MappedFile(file).text()) ? load_tiktoken(file) : load_sentencepiece(file);
}

std::unique_ptr<Tokenizer> load_file(const fs::path& file) {
  const std::string name = file.filename().string();
  if (name == "vocab.json" || name == "merges.txt" || name == "encoder.json" || name == "vocab.bpe") {
    if (const auto files = find_gpt2_files(file.parent_path())) return load_gpt2(*files);
    throw UserError(file.string() + ": the other file of GPT-2's tokenizer is not beside it" + kExpected);
  }
  if (name == kTokenizerConfigFile) return load_tokenizer(file.parent_path());
  return file.extension() == ".json" ? load_tokenizer_json(file) : load_model_file(file);
}

}  // namespace

std::vector<int32_t> Tokenizer::stop_ids() const {
  const auto end = eos();
  return end ? std::vector<int32_t>{*end} : std::vector<int32_t>{};
}

void save_tokenizer(const Tokenizer& tokenizer, const fs::path& folder) {
  for (const TokenizerFile& file : tokenizer.files()) write_file(folder / file.name, file.content);
}

std::unique_ptr<Tokenizer> load_tokenizer_if_there(const fs::path& folder) {
  const bool there = is_there(folder / kTokenizerJsonFile) || is_there(folder / kSentencepieceFile) ||
                     is_there(folder / kTokenizerConfigFile) || find_gpt2_files(folder);
  return there ? load_tokenizer(folder) : nullptr;
}

std::unique_ptr<Tokenizer> load_tokenizer(const fs::path& folder_or_file) {
  const fs::path& folder = folder_or_file;
  if (!is_there(folder)) throw UserError("no such folder or file: " + folder.string());
  std::error_code no_folder;
  if (!fs::is_directory(folder, no_folder)) return load_file(folder);
  if (is_there(folder / kTokenizerJsonFile)) return load_tokenizer_json(folder / kTokenizerJsonFile);
  if (is_there(folder / kSentencepieceFile)) return load_model_file(folder / kSentencepieceFile);
  if (const auto files = find_gpt2_files(folder)) return load_gpt2(*files);
  const fs::path config = folder / kTokenizerConfigFile;
  if (!is_there(config)) throw UserError("no tokenizer in " + folder.string() + kExpected);
  if (is_byte_tokenizer(config)) return make_byte_tokenizer();
  throw UserError("the tokenizer in " + folder.string() + " is of a kind that cannot be read" + kExpected);
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
