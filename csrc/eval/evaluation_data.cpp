#include "eval/evaluation_data.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "data/dataset_description.h"
#include "data/document_source.h"
#include "data/record_reader.h"
#include "data/shard.h"
#include "data/token_dataset.h"
#include "log/error.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

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

std::optional<SourceFile> source_file(const fs::path& path) {
  const std::string name = path.filename().string();
  const bool text = name.ends_with(".txt");
  if (!text && !name.ends_with(".jsonl") && !name.ends_with(".jsonl.gz")) return std::nullopt;
  SourceFile file;
  file.path = path;
  file.kind = text ? SourceFile::Kind::text : SourceFile::Kind::json_lines;
  file.end = static_cast<int64_t>(fs::file_size(path));
  return file;
}

SourceSplit source_of(const fs::path& path) {
  SourceSplit split{"evaluation", {}, 0};
  if (fs::is_directory(path)) {
    for (const auto& entry : fs::directory_iterator(path)) {
      if (!entry.is_regular_file()) continue;
      if (const auto file = source_file(entry.path())) split.files.push_back(*file);
    }
  } else if (const auto file = source_file(path)) {
    split.files.push_back(*file);
  }
  if (split.files.empty()) {
    throw UserError(path.string() +
                    " holds no data; expected a split of a prepared data folder (such as x-tokens/test), "
                    "or a .txt, .jsonl or .jsonl.gz file, or a folder of such files");
  }
  std::sort(split.files.begin(), split.files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  for (const SourceFile& file : split.files) split.bytes += file.end;
  return split;
}

EvaluationData open_text(const fs::path& path, const std::shared_ptr<const Tokenizer>& tokenizer) {
  const auto split = std::make_shared<const SourceSplit>(source_of(path));
  const auto reader = std::make_shared<RecordReader>(*split);
  EvaluationData data;
  const bool compressed = std::any_of(split->files.begin(), split->files.end(),
                                      [](const SourceFile& file) { return file.path.extension() == ".gz"; });
  data.bytes = compressed ? 0 : split->bytes;
  // The reader refers to the split, so both are held.
  data.next = [split, reader, tokenizer]() -> std::optional<EvaluationDocument> {
    Record record;
    if (!reader->next(record)) return std::nullopt;
    EvaluationDocument document;
    document.name = record.file.string() + (record.line > 0 ? ":" + std::to_string(record.line) : "");
    const DocumentText content = document_text(std::move(record));
    if (!content.problem.empty()) throw BrokenRecord(content.problem);
    document.bytes = static_cast<int64_t>(content.text.size());
    document.words = count_words(content.text);
    document.unk = tokenizer->unk();
    std::vector<int32_t> tokens = tokenizer->encode(content.text);
    tokens.insert(tokens.begin(), tokenizer->document_start());
    if (const auto eos = tokenizer->eos()) tokens.push_back(*eos);
    document.tokens = static_cast<int64_t>(tokens.size());
    document.read = [tokens = std::move(tokens), position = size_t{0}](std::span<int64_t> out) mutable {
      const size_t count = std::min(out.size(), tokens.size() - position);
      std::copy_n(tokens.begin() + static_cast<int64_t>(position), count, out.begin());
      position += count;
      return static_cast<int64_t>(count);
    };
    return document;
  };
  return data;
}

}  // namespace

EvaluationData open_evaluation_data(const fs::path& path, const fs::path& checkpoint, int64_t vocab_size) {
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
  return open_text(path, tokenizer);
}

}  // namespace infini
