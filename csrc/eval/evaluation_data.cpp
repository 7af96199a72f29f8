#include "eval/evaluation_data.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "data/byte_reader.h"
#include "data/dataset_description.h"
#include "data/document_source.h"
#include "data/record_reader.h"
#include "data/shard.h"
#include "data/token_dataset.h"
#include "data/tokenize_record.h"
#include "log/error.h"
#include "log/log.h"
#include "text/tokenizer.h"

namespace infini {
namespace {

namespace fs = std::filesystem;

void check_vocabulary(int64_t vocab_size, int64_t model_vocab_size, const std::string& tokenizer) {
  if (vocab_size <= model_vocab_size) return;
  throw UserError(tokenizer + " has " + std::to_string(vocab_size) + " tokens, but the checkpoint's vocabulary has " +
                  std::to_string(model_vocab_size) + ": use data that were prepared with the checkpoint's tokenizer");
}

void check_same_tokenizer(const Tokenizer* of_data, const fs::path& data_folder, const fs::path& checkpoint) {
  const auto of_checkpoint = load_tokenizer_if_there(checkpoint);
  if (of_data == nullptr || !of_checkpoint || same_tokenizer(*of_data, *of_checkpoint)) return;
  throw UserError("the data in " + data_folder.string() + " were prepared with another tokenizer than that of " +
                  checkpoint.string() + ": prepare them with the checkpoint's, or name the text files themselves");
}

EvaluationData open_split(const fs::path& split_folder, std::optional<int32_t> unk) {
  const TokenDataset dataset(split_folder);
  EvaluationData data;
  for (int64_t document = 0; document < dataset.documents(); ++document) data.bytes += dataset.bytes(document);
  data.next = [dataset, split_folder, unk, number = int64_t{0}]() mutable -> std::optional<EvaluationDocument> {
    if (number == dataset.documents()) return std::nullopt;
    EvaluationDocument document;
    document.name = "document " + std::to_string(number) + " of " + split_folder.string();
    document.tokens = dataset.length(number);
    document.bytes = dataset.bytes(number);
    document.words = dataset.words(number);
    document.unk = unk;
    document.read = [dataset, number, position = int64_t{0}](std::span<int64_t> out) mutable {
      const int64_t count = std::min<int64_t>(static_cast<int64_t>(out.size()), dataset.length(number) - position);
      dataset.read(number, position, position + count, out.data());
      position += count;
      return count;
    };
    ++number;
    return document;
  };
  return data;
}

SourceSplit source_of(const fs::path& path) {
  SourceSplit split = find_texts(path);
  if (split.files.empty()) {
    throw UserError(path.string() +
                    " holds no data; expected a split of a prepared data folder (such as x-tokens/test), "
                    "or a .txt or .jsonl file (or these with .gz or .zst), or a folder of such files");
  }
  return split;
}

/// The documents of text files, one after the other.
class TextDocuments {
 public:
  TextDocuments(const fs::path& path, std::shared_ptr<const Tokenizer> tokenizer, const TextReading& reading)
      : split_(source_of(path)),
        tokenizer_(std::move(tokenizer)),
        reading_(reading),
        reader_(split_, pieces_for(*tokenizer_)),
        bad_records_(reading.on_bad_record) {}
  // The reader refers to the split.
  TextDocuments(const TextDocuments&) = delete;
  TextDocuments& operator=(const TextDocuments&) = delete;

  /// Bytes of text in all; 0 where only the compressed size is known.
  int64_t bytes() const {
    const bool compressed = std::any_of(split_.files.begin(), split_.files.end(),
                                        [](const SourceFile& file) { return ByteReader(file.path).compressed(); });
    return compressed ? 0 : split_.bytes;
  }

  std::optional<EvaluationDocument> next() {
    for (Record record; reader_.next(record);) {
      std::vector<int32_t> tokens = {tokenizer_->document_start()};
      EvaluationDocument document;
      document.name = record.place();
      std::string problem;
      while (true) {
        const TokenizedRecord piece = tokenize(*tokenizer_, std::move(record), reading_.text_key);
        if (problem.empty()) problem = piece.problem;
        tokens.insert(tokens.end(), piece.tokens.begin(), piece.tokens.end());
        document.bytes += piece.bytes;
        document.words += piece.words;
        if (piece.ends || !reader_.next(record)) break;
      }
      if (!problem.empty()) {
        bad_records_.add(problem);
        continue;
      }
      if (const auto eos = tokenizer_->eos()) tokens.push_back(*eos);
      document.unk = tokenizer_->unk();
      document.tokens = static_cast<int64_t>(tokens.size());
      document.read = [tokens = std::move(tokens), position = size_t{0}](std::span<int64_t> out) mutable {
        const size_t count = std::min(out.size(), tokens.size() - position);
        std::copy_n(tokens.begin() + static_cast<int64_t>(position), count, out.begin());
        position += count;
        return static_cast<int64_t>(count);
      };
      return document;
    }
    if (bad_records_.count() > 0 && !told_) {
      log::warn(std::to_string(bad_records_.count()) + " records were broken and have been skipped");
      told_ = true;
    }
    return std::nullopt;
  }

 private:
  SourceSplit split_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  TextReading reading_;
  RecordReader reader_;
  BadRecords bad_records_;
  bool told_ = false;
};

}  // namespace

EvaluationData open_evaluation_data(const fs::path& path, const fs::path& checkpoint, int64_t vocab_size,
                                    const TextReading& reading) {
  if (!fs::exists(path)) throw UserError("no such file or folder: " + path.string());
  if (fs::exists(path / kDatasetFile)) {
    throw UserError(path.string() +
                    " is a whole data folder; name one of its splits: " + read_dataset_description(path).split_names());
  }
  if (fs::exists(shard_file(path, 0))) {
    check_vocabulary(TokenDataset(path).vocab_size(), vocab_size, "the tokenizer of " + path.string());
    const fs::path data_folder = fs::canonical(path).parent_path();
    const auto tokenizer = load_tokenizer_if_there(data_folder);
    check_same_tokenizer(tokenizer.get(), data_folder, checkpoint);
    return open_split(path, tokenizer ? tokenizer->unk() : std::nullopt);
  }
  const std::shared_ptr<const Tokenizer> tokenizer = load_tokenizer(checkpoint);
  check_vocabulary(tokenizer->vocab_size(), vocab_size, "the tokenizer of " + checkpoint.string());
  const auto documents = std::make_shared<TextDocuments>(path, tokenizer, reading);
  return {[documents] { return documents->next(); }, documents->bytes()};
}

}  // namespace infini
