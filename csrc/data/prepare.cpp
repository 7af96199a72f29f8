#include "data/prepare.h"

#include <zlib.h>

#include <algorithm>
#include <deque>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>

#include "data/data_folder.h"
#include "data/document_source.h"
#include "data/record_reader.h"
#include "data/shard.h"
#include "data/token_dataset.h"
#include "data/worker_threads.h"
#include "io/atomic_file.h"
#include "io/mapped_file.h"
#include "log/error.h"
#include "log/log.h"
#include "log/progress.h"
#include "text/sentencepiece_training.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace infini {
namespace {

constexpr int64_t kDefaultVocabSize = 32000;
constexpr uint64_t kTokenizerSeed = 0;
constexpr size_t kRecordsInFlight = 64;       ///< a thread
constexpr size_t kBytesInFlight = 16u << 20;  ///< a thread
constexpr int64_t kReportedRecords = 10;      ///< broken records that are told one by one

const char* const kTrained = "sentencepiece";

void check(const PrepareOptions& options) {
  const bool trained = options.tokenizer == kTrained;
  if (!trained && options.tokenizer != "bytes" && !options.tokenizer.ends_with(".model")) {
    throw UserError("--tokenizer is '" + options.tokenizer + "', expected bytes, sentencepiece or a FILE.model");
  }
  if (!trained && options.vocab_size != 0) {
    throw UserError("--vocab-size belongs to --tokenizer sentencepiece; other tokenizers have a size of their own");
  }
  if (options.vocab_size < 0) throw UserError("--vocab-size must be positive");
  if (options.threads < 0) throw UserError("--threads must be positive, or 0 for one a core");
  if (options.shard_tokens < 1) throw UserError("--shard-tokens must be positive");
}

/// What the result depends on.
nlohmann::json made_from(const PrepareOptions& options, const DocumentSource& source) {
  nlohmann::json tokenizer = {{"kind", options.tokenizer == "bytes" ? "bytes" : "sentencepiece"}};
  if (options.tokenizer == kTrained) {
    tokenizer["trained_vocab_size"] = options.vocab_size == 0 ? kDefaultVocabSize : options.vocab_size;
  } else if (options.tokenizer != "bytes") {
    const MappedFile model(options.tokenizer);
    tokenizer["model_crc32"] =
        static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(model.bytes().data()), model.bytes().size()));
  }
  return {{"source", source.fingerprint}, {"tokenizer", tokenizer}, {"shard_tokens", options.shard_tokens}};
}

std::string train_tokenizer(const SourceSplit& split, int64_t vocab_size) {
  log::info("training a sentencepiece tokenizer of " + std::to_string(vocab_size) + " tokens");
  Progress progress("reading for the tokenizer", split.bytes, "bytes");
  RecordReader reader(split);
  const NextText next = [&](std::string& text) {
    Record record;
    // Broken records have no text here; tokenising reports them.
    if (!reader.next(record)) {
      progress.finish();
      return false;
    }
    text = document_text(std::move(record)).text;
    progress.update(reader.bytes_read());
    return true;
  };
  return train_sentencepiece(next, vocab_size, kTokenizerSeed);
}

/// The tokenizer that the options ask for. One that is trained is saved at once, for a run that goes on later.
std::unique_ptr<Tokenizer> make_tokenizer(const PrepareOptions& options, const DocumentSource& source) {
  if (options.tokenizer == "bytes") return make_byte_tokenizer();
  if (options.tokenizer != kTrained) return load_sentencepiece(options.tokenizer);
  const std::filesystem::path model = options.out / "tokenizer.model";
  if (!std::filesystem::exists(model)) {
    const int64_t vocab_size = options.vocab_size == 0 ? kDefaultVocabSize : options.vocab_size;
    write_file(model, train_tokenizer(source.splits.front(), vocab_size));
  }
  return load_sentencepiece(model);
}

struct TokenizedDocument {
  std::vector<int32_t> tokens;
  int64_t bytes = 0;
  int64_t words = 0;
  std::string problem;
};

TokenizedDocument tokenize(const Tokenizer& tokenizer, Record record) {
  const std::string where = record.file.string() + (record.line > 0 ? ":" + std::to_string(record.line) : "");
  const DocumentText document = document_text(std::move(record));
  TokenizedDocument result;
  result.problem = document.problem;
  if (!result.problem.empty()) return result;
  result.tokens = tokenizer.encode(document.text);
  result.bytes = static_cast<int64_t>(document.text.size());
  result.words = count_words(document.text);
  if (result.tokens.empty()) result.problem = where + ": the text gives no token";
  return result;
}

/// Writes the shards of one split.
class SplitWriter {
 public:
  SplitWriter(const PrepareOptions& options, const Tokenizer& tokenizer, const std::string& split)
      : options_(options),
        document_start_(tokenizer.document_start()),
        folder_(options.out / split),
        writer_(token_width(tokenizer.vocab_size())) {
    description_.name = split;
    std::filesystem::create_directories(folder_);
    while (std::filesystem::exists(shard_file(folder_, description_.shards))) {
      const Shard shard(shard_file(folder_, description_.shards));
      count(shard);
      records_read_ = static_cast<int64_t>(shard.header().records_read);
      records_skipped_ = static_cast<int64_t>(shard.header().records_skipped);
    }
    records_seen_ = records_read_;
    description_.skipped = records_skipped_;
  }

  /// Records of the source that whole shards already hold or have skipped.
  int64_t records_done() const { return records_read_; }

  /// Takes what the split's next record gave.
  void add(const TokenizedDocument& document) {
    ++records_seen_;
    if (!document.problem.empty()) return skip(document.problem);
    const auto tokens = static_cast<int64_t>(document.tokens.size()) + 1;
    if (writer_.documents() > 0 && writer_.tokens() + tokens > options_.shard_tokens) write();
    writer_.add(document_start_, document.tokens, document.bytes, document.words);
    // Records that are skipped behind a shard's last document belong to the next shard.
    records_read_ = records_seen_;
    records_skipped_ = description_.skipped;
  }

  SplitDescription finish() {
    if (writer_.documents() > 0) write();
    if (description_.skipped > 0) {
      log::warn(description_.name + ": " + std::to_string(description_.skipped) + " of " +
                std::to_string(records_seen_) + " records were broken and have been skipped");
    }
    return description_;
  }

 private:
  void skip(const std::string& problem) {
    if (options_.on_bad_record == OnBadRecord::fail) {
      throw UserError(problem + " (mend it, or leave such records out with --on-bad-record skip)");
    }
    if (++reported_ <= kReportedRecords) log::warn("skipped " + problem);
    if (reported_ == kReportedRecords + 1) log::warn("further broken records are counted only");
    ++description_.skipped;
  }

  void write() {
    const std::filesystem::path file = shard_file(folder_, description_.shards);
    try {
      writer_.write(file, records_read_, records_skipped_);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(std::string(error.what()) +
                               "; make room and run the same command again, it goes on behind the last whole shard");
    }
    count(Shard(file));
  }

  void count(const Shard& shard) {
    ++description_.shards;
    description_.documents += static_cast<int64_t>(shard.header().documents);
    description_.tokens += static_cast<int64_t>(shard.header().tokens);
    for (const ShardDocument& document : shard.table()) {
      description_.bytes += static_cast<int64_t>(document.bytes);
      description_.words += static_cast<int64_t>(document.words);
    }
  }

  const PrepareOptions& options_;
  int32_t document_start_;
  std::filesystem::path folder_;
  ShardWriter writer_;
  SplitDescription description_;
  int64_t records_seen_ = 0;                        ///< of the source
  int64_t records_read_ = 0, records_skipped_ = 0;  ///< up to the last document
  int64_t reported_ = 0;
};

/// Tokenises one split; the documents stay in order, and only a few are in memory at a time.
SplitDescription prepare_split(const PrepareOptions& options, const Tokenizer& tokenizer, const SourceSplit& split,
                               int64_t bytes_before, Progress& progress) {
  struct InFlight {
    std::future<TokenizedDocument> document;
    size_t size;
    int64_t bytes_read;
  };
  SplitWriter writer(options, tokenizer, split.name);
  RecordReader reader(split);
  reader.skip(writer.records_done());

  const auto threads = static_cast<size_t>(
      options.threads > 0 ? options.threads : std::max<int64_t>(1, std::thread::hardware_concurrency()));
  WorkerThreads workers(static_cast<int64_t>(threads));
  std::deque<InFlight> in_flight;
  size_t bytes_in_flight = 0;
  const auto take_first = [&] {
    InFlight first = std::move(in_flight.front());
    in_flight.pop_front();
    bytes_in_flight -= first.size;
    writer.add(first.document.get());
    progress.update(bytes_before + first.bytes_read, split.name);
  };
  Record record;
  while (reader.next(record)) {
    const size_t size = record.content.size();
    while (!in_flight.empty() &&
           (in_flight.size() >= kRecordsInFlight * threads || bytes_in_flight + size > kBytesInFlight * threads)) {
      take_first();
    }
    in_flight.push_back({workers.run([&tokenizer, record = std::move(record)]() mutable {
                           return tokenize(tokenizer, std::move(record));
                         }),
                         size, reader.bytes_read()});
    bytes_in_flight += size;
    record = {};
  }
  while (!in_flight.empty()) take_first();
  return writer.finish();
}

std::string summary(const SplitDescription& split) {
  return split.name + ": " + std::to_string(split.documents) + " documents, " + std::to_string(split.tokens) +
         " tokens, " + std::to_string(split.words) + " words, " + std::to_string(split.bytes) + " bytes";
}

DatasetDescription check_finished(const std::filesystem::path& folder) {
  DatasetDescription description = read_dataset_description(folder);
  for (const SplitDescription& split : description.splits) TokenDataset(folder / split.name).verify();
  std::filesystem::remove(folder / kHalfDoneFile);
  log::info(folder.string() + " is already prepared; its checksums are right, nothing to do");
  return description;
}

}  // namespace

DatasetDescription prepare(const PrepareOptions& options) {
  check(options);
  const DocumentSource source = find_documents(options.source);
  DatasetDescription description;
  description.made_from = made_from(options, source);
  const DataFolder folder(options.out, description.made_from);
  if (folder.finished()) return check_finished(options.out);
  if (folder.begun_before()) log::info("going on with " + options.out.string());

  const std::unique_ptr<Tokenizer> tokenizer = make_tokenizer(options, source);
  description.tokenizer = options.tokenizer == "bytes" ? "bytes" : "sentencepiece";
  description.vocab_size = tokenizer->vocab_size();
  description.document_start = tokenizer->document_start();

  int64_t bytes = 0;
  for (const SourceSplit& split : source.splits) bytes += split.bytes;
  Progress progress("prepare", bytes, "bytes");
  int64_t bytes_before = 0;
  for (const SourceSplit& split : source.splits) {
    const SplitDescription prepared = prepare_split(options, *tokenizer, split, bytes_before, progress);
    bytes_before += split.bytes;
    if (prepared.documents > 0) {
      description.splits.push_back(prepared);
    } else {
      std::filesystem::remove(options.out / split.name);
    }
  }
  progress.finish();
  if (description.split("train") == nullptr) {
    throw UserError(options.source.string() + " has no document for training that can be used");
  }
  tokenizer->save(options.out);
  for (const char* file : {"tokenizer_config.json", "tokenizer.model"}) {
    if (std::filesystem::exists(options.out / file)) sync_to_disk(options.out / file);
  }
  write_dataset_description(options.out, description);
  std::filesystem::remove(options.out / kHalfDoneFile);
  for (const SplitDescription& split : description.splits) log::info(summary(split));
  return description;
}

}  // namespace infini
