#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/atomic_file.h"
#include "io/mapped_file.h"

namespace infini {

/// The first 64 bytes of a shard, little-endian. Behind it: the document table (ShardDocument each), then the tokens,
/// `token_bytes` wide (1, 2 or 4), document after document, each with its document_start in front.
struct ShardHeader {
  char magic[8];
  uint32_t version;
  uint32_t token_bytes;
  uint64_t documents;
  uint64_t tokens;
  uint64_t records_read;     ///< records of the split's source up to this shard's last document: where a resumed
  uint64_t records_skipped;  ///< `prepare` goes on, and how many of them were left out as broken
  uint32_t table_checksum;   ///< CRC-32 (zlib's) of the document table
  uint32_t tokens_checksum;  ///< and of the tokens
  uint32_t reserved;
  uint32_t header_checksum;  ///< of the 60 bytes above
};
static_assert(sizeof(ShardHeader) == 64);

/// One document of a shard.
struct ShardDocument {
  uint64_t begin;   ///< its first token, counted from the shard's first
  uint64_t length;  ///< tokens, with the document_start in front
  uint64_t bytes;   ///< of its source text
  uint64_t words;   ///< of its source text, separated by white space
};
static_assert(sizeof(ShardDocument) == 32);

/// The narrowest width that holds every token id: 1, 2 or 4 bytes.
int token_width(int64_t vocab_size);

/// Collects documents in memory (a shard is of bounded size) and writes them as one file. A document that is longer
/// than a shard should be goes to the disk while it grows.
class ShardWriter {
 public:
  explicit ShardWriter(int token_bytes) : token_bytes_(token_bytes) {}
  /// Begins a document; append to it, then `end` or `drop` it.
  void begin(int32_t document_start);
  void append(std::span<const int32_t> tokens);
  void end(int64_t bytes, int64_t words);
  void drop();
  /// Writes what there is of the document that has been begun beside `file`, and all that is appended later. It has to
  /// be the only document.
  void spill(const std::filesystem::path& file);
  bool spilled() const { return output_ != nullptr; }

  /// Whole ones, and their tokens.
  int64_t documents() const { return static_cast<int64_t>(table_.size()); }
  int64_t tokens() const { return tokens_of_documents_; }
  /// Of the document that has been begun, with its document_start.
  int64_t open_tokens() const { return open_tokens_; }
  /// Writes the whole documents atomically (see AtomicFile) and goes on without them.
  void write(const std::filesystem::path& file, int64_t records_read, int64_t records_skipped);

 private:
  void flush();

  int token_bytes_;
  std::vector<ShardDocument> table_;
  int64_t tokens_of_documents_ = 0, open_tokens_ = 0;
  std::vector<uint8_t> tokens_;         ///< of the documents, then of the one that has been begun
  std::unique_ptr<AtomicFile> output_;  ///< of a document that is spilled
  uint32_t tokens_checksum_ = 0;        ///< of what is in the output
};

/// A memory-mapped shard.
class Shard {
 public:
  /// Checks size, header and document table. Throws UserError that names the file and what is wrong with it.
  explicit Shard(const std::filesystem::path& file);
  const ShardHeader& header() const { return *header_; }
  std::span<const ShardDocument> table() const { return table_; }
  /// Copies tokens [begin, begin + count), counted from the shard's first, into `out`.
  void read(uint64_t begin, uint64_t count, int64_t* out) const;
  /// Reads the whole file and throws UserError that names it if a bit of its tokens has changed.
  void verify_tokens() const;

 private:
  std::filesystem::path file_;
  std::shared_ptr<const MappedFile> mapped_;
  const ShardHeader* header_ = nullptr;
  std::span<const ShardDocument> table_;
  const uint8_t* tokens_ = nullptr;
};

/// SPLIT_FOLDER/shard-00000.bin
std::filesystem::path shard_file(const std::filesystem::path& split_folder, int64_t index);

}  // namespace infini
