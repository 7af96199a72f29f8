#include "data/split_writer.h"

#include <stdexcept>

#include "data/record_reader.h"
#include "log/log.h"

namespace infini {
namespace {

constexpr int64_t kReportedRecords = 10;  ///< broken records that are told one by one

}  // namespace

SplitWriter::SplitWriter(const PrepareOptions& options, const Tokenizer& tokenizer, const std::string& split)
    : options_(options),
      document_start_(tokenizer.document_start()),
      eos_(tokenizer.eos()),
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

void SplitWriter::add(const TokenizedDocument& document) {
  ++records_seen_;
  if (!document.problem.empty()) return skip(document.problem);
  const auto tokens = static_cast<int64_t>(document.tokens.size()) + 1 + (eos_ ? 1 : 0);
  if (writer_.documents() > 0 && writer_.tokens() + tokens > options_.shard_tokens) write();
  writer_.add(document_start_, document.tokens, document.bytes, document.words, eos_);
  // Records that are skipped behind a shard's last document belong to the next shard.
  records_read_ = records_seen_;
  records_skipped_ = description_.skipped;
}

SplitDescription SplitWriter::finish() {
  if (writer_.documents() > 0) write();
  if (description_.skipped > 0) {
    log::warn(description_.name + ": " + std::to_string(description_.skipped) + " of " + std::to_string(records_seen_) +
              " records were broken and have been skipped");
  }
  return description_;
}

void SplitWriter::skip(const std::string& problem) {
  if (options_.on_bad_record == OnBadRecord::fail) throw BrokenRecord(problem);
  if (++reported_ <= kReportedRecords) log::warn("skipped " + problem);
  if (reported_ == kReportedRecords + 1) log::warn("further broken records are counted only");
  ++description_.skipped;
}

void SplitWriter::write() {
  const std::filesystem::path file = shard_file(folder_, description_.shards);
  try {
    writer_.write(file, records_read_, records_skipped_);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(std::string(error.what()) +
                             "; make room and run the same command again, it goes on behind the last whole shard");
  }
  count(Shard(file));
}

void SplitWriter::count(const Shard& shard) {
  ++description_.shards;
  description_.documents += static_cast<int64_t>(shard.header().documents);
  description_.tokens += static_cast<int64_t>(shard.header().tokens);
  for (const ShardDocument& document : shard.table()) {
    description_.bytes += static_cast<int64_t>(document.bytes);
    description_.words += static_cast<int64_t>(document.words);
  }
}

}  // namespace infini
