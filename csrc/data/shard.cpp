#include "data/shard.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <utility>

#include "log/error.h"

namespace infini {
namespace {

static_assert(std::endian::native == std::endian::little, "shards are little-endian and mapped as they are");

constexpr char kMagic[8] = {'i', 'n', 'f', 'i', 'n', 'i', 'T', 'S'};
constexpr uint32_t kShardVersion = 1;

uint32_t checksum(const void* data, size_t size) {
  return static_cast<uint32_t>(crc32_z(0, static_cast<const Bytef*>(data), size));
}

uint32_t checksum_of(const ShardHeader& header) { return checksum(&header, offsetof(ShardHeader, header_checksum)); }

/// The size a whole shard has; 0 where the header's numbers are impossible.
uint64_t whole_size(const ShardHeader& header) {
  constexpr uint64_t kMost = uint64_t{1} << 48;
  if (header.documents > kMost || header.tokens > kMost) return 0;
  return sizeof(ShardHeader) + header.documents * sizeof(ShardDocument) + header.tokens * header.token_bytes;
}

template <typename Token>
void widen(const uint8_t* from, uint64_t count, int64_t* out) {
  const auto* tokens = reinterpret_cast<const Token*>(from);
  std::copy(tokens, tokens + count, out);
}

}  // namespace

int token_width(int64_t vocab_size) {
  if (vocab_size <= 1 << 8) return 1;
  return vocab_size <= 1 << 16 ? 2 : 4;
}

void ShardWriter::begin(int32_t document_start) {
  open_tokens_ = 0;
  append({&document_start, 1});
}

void ShardWriter::append(std::span<const int32_t> tokens) {
  const auto width = static_cast<size_t>(token_bytes_);
  size_t at = tokens_.size();
  tokens_.resize(at + tokens.size() * width);
  for (const int32_t token : tokens) {
    std::memcpy(&tokens_[at], &token, width);  // the low bytes come first
    at += width;
  }
  open_tokens_ += static_cast<int64_t>(tokens.size());
  if (output_) flush();
}

void ShardWriter::end(int64_t bytes, int64_t words) {
  table_.push_back({static_cast<uint64_t>(tokens_of_documents_), static_cast<uint64_t>(open_tokens_),
                    static_cast<uint64_t>(bytes), static_cast<uint64_t>(words)});
  tokens_of_documents_ += open_tokens_;
  open_tokens_ = 0;
}

void ShardWriter::drop() {
  if (output_) {
    output_.reset();
    tokens_checksum_ = 0;
  } else {
    tokens_.resize(static_cast<size_t>(tokens_of_documents_ * token_bytes_));
  }
  open_tokens_ = 0;
}

void ShardWriter::spill(const std::filesystem::path& file) {
  if (output_) return;
  output_ = std::make_unique<AtomicFile>(file);
  const std::array<char, sizeof(ShardHeader) + sizeof(ShardDocument)> room{};
  output_->write(room.data(), room.size());
  flush();
}

void ShardWriter::flush() {
  output_->write(tokens_.data(), tokens_.size());
  tokens_checksum_ = static_cast<uint32_t>(crc32_z(tokens_checksum_, tokens_.data(), tokens_.size()));
  tokens_.clear();
}

void ShardWriter::write(const std::filesystem::path& file, int64_t records_read, int64_t records_skipped) {
  const auto size = static_cast<size_t>(tokens_of_documents_ * token_bytes_);
  ShardHeader header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.version = kShardVersion;
  header.token_bytes = static_cast<uint32_t>(token_bytes_);
  header.documents = static_cast<uint64_t>(documents());
  header.tokens = static_cast<uint64_t>(tokens());
  header.records_read = static_cast<uint64_t>(records_read);
  header.records_skipped = static_cast<uint64_t>(records_skipped);
  header.table_checksum = checksum(table_.data(), table_.size() * sizeof(ShardDocument));
  header.tokens_checksum = output_ ? tokens_checksum_ : checksum(tokens_.data(), size);
  header.header_checksum = checksum_of(header);
  if (output_) {
    output_->rewind();
    output_->write(&header, sizeof header);
    output_->write(table_.data(), table_.size() * sizeof(ShardDocument));
    output_->commit();
    output_.reset();
    tokens_checksum_ = 0;
  } else {
    AtomicFile output(file);
    output.write(&header, sizeof header);
    output.write(table_.data(), table_.size() * sizeof(ShardDocument));
    output.write(tokens_.data(), size);
    output.commit();
    tokens_.erase(tokens_.begin(), tokens_.begin() + static_cast<int64_t>(size));
  }
  table_.clear();
  tokens_of_documents_ = 0;
}

Shard::Shard(const std::filesystem::path& file) : file_(file), mapped_(std::make_shared<MappedFile>(file)) {
  const std::span<const std::byte> bytes = mapped_->bytes();
  const std::string remedy = "; prepare the data again";
  const auto require = [&](bool condition, const std::string& problem) {
    if (!condition) throw UserError(file_.string() + " " + problem + remedy);
  };
  require(bytes.size() >= sizeof(ShardHeader),
          "is truncated: " + std::to_string(bytes.size()) + " bytes, not even its header's 64");
  header_ = reinterpret_cast<const ShardHeader*>(bytes.data());
  require(std::memcmp(header_->magic, kMagic, sizeof kMagic) == 0, "is not a token shard");
  require(header_->version == kShardVersion, "is a token shard of version " + std::to_string(header_->version) +
                                                 ", expected " + std::to_string(kShardVersion));
  require(header_->header_checksum == checksum_of(*header_) && whole_size(*header_) != 0,
          "is damaged: its header does not match its checksum");
  require(bytes.size() == whole_size(*header_), "is truncated or has grown: " + std::to_string(bytes.size()) +
                                                    " bytes, expected " + std::to_string(whole_size(*header_)));
  table_ = {reinterpret_cast<const ShardDocument*>(bytes.data() + sizeof(ShardHeader)), header_->documents};
  tokens_ = reinterpret_cast<const uint8_t*>(bytes.data() + sizeof(ShardHeader) + table_.size_bytes());
  require(header_->table_checksum == checksum(table_.data(), table_.size_bytes()),
          "is damaged: its document table does not match its checksum");
}

void Shard::read(uint64_t begin, uint64_t count, int64_t* out) const {
  const uint8_t* const from = tokens_ + begin * header_->token_bytes;
  switch (header_->token_bytes) {
    case 1:
      return widen<uint8_t>(from, count, out);
    case 2:
      return widen<uint16_t>(from, count, out);
    default:
      return widen<uint32_t>(from, count, out);
  }
}

void Shard::verify_tokens() const {
  if (header_->tokens_checksum != checksum(tokens_, header_->tokens * header_->token_bytes)) {
    throw UserError(file_.string() + " is damaged: its tokens do not match their checksum; prepare the data again");
  }
}

std::filesystem::path shard_file(const std::filesystem::path& split_folder, int64_t index) {
  char name[40];
  std::snprintf(name, sizeof name, "shard-%05lld.bin", static_cast<long long>(index));
  return split_folder / name;
}

}  // namespace infini
