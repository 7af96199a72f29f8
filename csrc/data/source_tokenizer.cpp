#include "data/source_tokenizer.h"

#include <zlib.h>

#include <string>
#include <string_view>
#include <utility>

#include "data/record_reader.h"
#include "io/atomic_file.h"
#include "log/log.h"
#include "log/progress.h"
#include "text/sentencepiece_training.h"

namespace infini {
namespace {

constexpr int64_t kDefaultVocabSize = 32000;
constexpr uint64_t kTokenizerSeed = 0;

int64_t vocab_size_of(const PrepareOptions& options) {
  return options.vocab_size == 0 ? kDefaultVocabSize : options.vocab_size;
}

/// Training takes a text line by line.
size_t last_line_end(std::string_view text, bool is_whole) {
  if (is_whole) return text.size();
  const size_t line_end = text.rfind('\n');
  return line_end == std::string_view::npos ? 0 : line_end + 1;
}

std::string train_tokenizer(const PrepareOptions& options, const SourceSplit& split) {
  const int64_t vocab_size = vocab_size_of(options);
  log::info("training a sentencepiece tokenizer of " + std::to_string(vocab_size) + " tokens");
  Progress progress("reading for the tokenizer", split.bytes, "bytes");
  RecordReader reader(split, last_line_end);
  const NextText next = [&](std::string& text) {
    Record record;
    // Broken records have no text here; tokenising reports them.
    if (!reader.next(record)) {
      progress.finish();
      return false;
    }
    text = document_text(std::move(record), options.text_key).text;
    progress.update(reader.bytes_read());
    return true;
  };
  return train_sentencepiece(next, vocab_size, kTokenizerSeed);
}

}  // namespace

std::unique_ptr<Tokenizer> load_named_tokenizer(const PrepareOptions& options) {
  if (options.tokenizer == kTrainedTokenizer) return nullptr;
  return options.tokenizer == "bytes" ? make_byte_tokenizer() : load_tokenizer(options.tokenizer);
}

nlohmann::json tokenizer_identity(const PrepareOptions& options, const Tokenizer* named) {
  if (options.tokenizer == "bytes") return {{"kind", "bytes"}};
  // Documents have not always ended with the eos: a folder that was begun without cannot go on with it.
  nlohmann::json identity = {{"kind", "sentencepiece"}, {"documents_end_with_eos", true}};
  if (named == nullptr) {
    identity["trained_vocab_size"] = vocab_size_of(options);
    return identity;
  }
  identity["kind"] = named->kind();
  uLong checksum = 0;
  for (const TokenizerFile& file : named->files()) {
    // Another version of this program may write it otherwise.
    if (file.name == kTokenizerConfigFile) continue;
    checksum = crc32_z(checksum, reinterpret_cast<const Bytef*>(file.content.data()), file.content.size());
  }
  identity["model_crc32"] = static_cast<uint32_t>(checksum);
  return identity;
}

std::unique_ptr<Tokenizer> make_trained_tokenizer(const PrepareOptions& options, const DocumentSource& source) {
  const std::filesystem::path model = options.out / kSentencepieceFile;
  if (!std::filesystem::exists(model)) {
    write_file(model, train_tokenizer(options, source.splits.front()));
  }
  return load_sentencepiece(model);
}

}  // namespace infini
