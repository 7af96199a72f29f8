#include "data/split_writer.h"

#include <stdexcept>

#include "log/log.h"

namespace infini {
namespace {

/// Runs `write`; where it fails, the disk is full most of the time.
template <typename Write>
void with_advice(const Write& write) {
  try {
    write();
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(std::string(error.what()) +
                             "; make room and run the same command again, it goes on behind the last whole shard");
  }
}

}  // namespace

SplitWriter::SplitWriter(const PrepareOptions& options, const Tokenizer& tokenizer, const std::string& split)
    : shard_tokens_(options.shard_tokens),
      document_start_(tokenizer.document_start()),
      eos_(tokenizer.eos()),
      folder_(options.out / split),
      writer_(token_width(tokenizer.vocab_size())),
      bad_records_(options.on_bad_record) {
  description_.name = split;
  std::filesystem::create_directories(folder_);
  while (std::filesystem::exists(shard_file(folder_, description_.shards))) {
    const Shard shard(shard_file(folder_, description_.shards));
    count(shard);
    records_read_ = static_cast<int64_t>(shard.header().records_read);
    records_skipped_ = static_cast<int64_t>(shard.header().records_skipped);
  }
  records_seen_ = records_read_;
  skipped_before_ = records_skipped_;
}

void SplitWriter::add(const TokenizedRecord& record) {
  if (record.begins) broken_ = false;
  if (!broken_) append(record);
  if (record.ends) end_document();
}

void SplitWriter::append(const TokenizedRecord& record) {
  if (record.begins) {
    writer_.begin(document_start_);
    bytes_ = words_ = 0;
  }
  std::string problem = record.problem;
  if (problem.empty()) {
    writer_.append(record.tokens);
    bytes_ += record.bytes;
    words_ += record.words;
    if (record.ends) problem = problem_without_tokens(record, writer_.open_tokens() - 1);
  }
  if (!problem.empty()) {
    writer_.drop();
    bad_records_.add(problem);
    broken_ = true;
  } else if (writer_.open_tokens() > shard_tokens_) {
    // The document has a shard of its own, and memory need not hold it.
    if (writer_.documents() > 0) write();
    with_advice([&] { writer_.spill(next_file()); });
  }
}

void SplitWriter::end_document() {
  ++records_seen_;
  if (broken_) return;
  if (eos_) writer_.append({&*eos_, 1});
  if (writer_.documents() > 0 && writer_.tokens() + writer_.open_tokens() > shard_tokens_) write();
  writer_.end(bytes_, words_);
  // Records that are skipped behind a shard's last document belong to the next shard.
  records_read_ = records_seen_;
  records_skipped_ = skipped_before_ + bad_records_.count();
  if (writer_.spilled()) write();
}

SplitDescription SplitWriter::finish() {
  if (writer_.documents() > 0) write();
  description_.skipped = skipped_before_ + bad_records_.count();
  if (description_.skipped > 0) {
    log::warn(description_.name + ": " + std::to_string(description_.skipped) + " of " + std::to_string(records_seen_) +
              " records were broken and have been skipped");
  }
  return description_;
}

void SplitWriter::write() {
  const std::filesystem::path file = next_file();
  with_advice([&] { writer_.write(file, records_read_, records_skipped_); });
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
