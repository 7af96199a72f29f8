#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "data/bad_records.h"
#include "data/dataset_description.h"
#include "data/prepare.h"
#include "data/shard.h"
#include "data/tokenize_record.h"
#include "text/tokenizer.h"

namespace infini {

/// Writes the shards of one split, behind those that are whole already.
class SplitWriter {
 public:
  SplitWriter(const PrepareOptions& options, const Tokenizer& tokenizer, const std::string& split);

  /// Documents of the source that whole shards already hold or have skipped.
  int64_t records_done() const { return records_read_; }
  /// Takes the split's next record. Throws BrokenRecord where it cannot be used and none may be skipped.
  void add(const TokenizedRecord& record);
  /// Writes the last shard and tells how much there is in all.
  SplitDescription finish();

 private:
  void append(const TokenizedRecord& record);
  void end_document();
  void write();
  void count(const Shard& shard);
  std::filesystem::path next_file() const { return shard_file(folder_, description_.shards); }

  int64_t shard_tokens_;
  int32_t document_start_;
  std::optional<int32_t> eos_;
  std::filesystem::path folder_;
  ShardWriter writer_;
  SplitDescription description_;
  BadRecords bad_records_;
  bool broken_ = false;                             ///< the document that is being read
  int64_t bytes_ = 0, words_ = 0;                   ///< of the document that is being read
  int64_t records_seen_ = 0;                        ///< of the source
  int64_t records_read_ = 0, records_skipped_ = 0;  ///< up to the last document
  int64_t skipped_before_ = 0;                      ///< that whole shards tell of
};

}  // namespace infini
