#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset_description.h"
#include "data/prepare.h"
#include "data/shard.h"
#include "text/tokenizer.h"

namespace infini {

/// What one record of a source became: the tokens of a document, or the problem for which it cannot be used.
struct TokenizedDocument {
  std::vector<int32_t> tokens;
  int64_t bytes = 0;
  int64_t words = 0;
  std::string problem;
};

/// Writes the shards of one split, behind those that are whole already.
class SplitWriter {
 public:
  SplitWriter(const PrepareOptions& options, const Tokenizer& tokenizer, const std::string& split);

  /// Records of the source that whole shards already hold or have skipped.
  int64_t records_done() const { return records_read_; }
  /// Takes what the split's next record gave. Throws BrokenRecord where it cannot be used and none may be skipped.
  void add(const TokenizedDocument& document);
  /// Writes the last shard and tells how much there is in all.
  SplitDescription finish();

 private:
  void skip(const std::string& problem);
  void write();
  void count(const Shard& shard);

  const PrepareOptions& options_;
  int32_t document_start_;
  std::optional<int32_t> eos_;
  std::filesystem::path folder_;
  ShardWriter writer_;
  SplitDescription description_;
  int64_t records_seen_ = 0;                        ///< of the source
  int64_t records_read_ = 0, records_skipped_ = 0;  ///< up to the last document
  int64_t reported_ = 0;
};

}  // namespace infini
