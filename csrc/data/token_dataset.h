#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "data/shard.h"

namespace infini {

/// The tokens of one split, memory-mapped: documents of shards that `infini prepare` wrote.
/// Layout of a data folder: FOLDER/{train,validation,test}/shard-00000.bin …, tokenizer files, dataset.json.
/// Cheap to copy: copies share the mapping.
class TokenDataset {
 public:
  /// Throws UserError if the folder is missing, empty, or not wholly prepared, or a shard is truncated (names the file
  /// and both sizes).
  explicit TokenDataset(const std::filesystem::path& split_folder);
  int64_t documents() const { return first_documents_.back(); }
  int64_t tokens() const { return tokens_; }
  /// Length in tokens of a document, including the document_start in front and the eos behind.
  int64_t length(int64_t document) const;
  /// Of the text alone: the document's tokens from 1 on, without the eos.
  int64_t text_length(int64_t document) const { return length(document) - 1 - (has_eos_ ? 1 : 0); }
  /// Copies tokens [begin, end) of a document into `out`. Throws std::out_of_range beyond its end.
  void read(int64_t document, int64_t begin, int64_t end, int64_t* out) const;
  /// Size of the document's source text, for bits per byte and word-level perplexity.
  int64_t bytes(int64_t document) const;
  int64_t words(int64_t document) const;
  /// Of the tokenizer that the data were prepared with: every token is below it.
  int64_t vocab_size() const { return vocab_size_; }
  /// The same for the same shards, and hardly ever for others.
  uint64_t fingerprint() const { return fingerprint_; }
  /// Reads every token and throws UserError that names the shard if one has changed since it was written.
  void verify() const;

 private:
  /// The shard that holds a document, and the document's entry there.
  std::pair<const Shard*, const ShardDocument*> find(int64_t document) const;

  std::vector<Shard> shards_;
  std::vector<int64_t> first_documents_;  ///< of each shard; one more: the count of all
  int64_t tokens_ = 0;
  int64_t vocab_size_ = 0;
  bool has_eos_ = false;
  uint64_t fingerprint_ = 0;
};

}  // namespace infini
