#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace infini {

/// The tokens of one split, memory-mapped: documents of shards that `infini prepare` wrote.
/// Layout of a data folder: FOLDER/{train,validation,test}/shard-00000.bin …, tokenizer files, dataset.json.
class TokenDataset {
 public:
  /// Throws UserError if the folder is missing, empty, or a shard is truncated (names the file and both sizes).
  explicit TokenDataset(const std::filesystem::path& split_folder);
  int64_t documents() const;
  int64_t tokens() const;
  /// Length in tokens of a document, including the document_start in front.
  int64_t length(int64_t document) const;
  /// Copies tokens [begin, end) of a document into `out`.
  void read(int64_t document, int64_t begin, int64_t end, int64_t* out) const;
  /// Size of the document's source text, for bits per byte and word-level perplexity.
  int64_t bytes(int64_t document) const;
  int64_t words(int64_t document) const;

 private:
  // (the author of this file completes it)
};

}  // namespace infini
