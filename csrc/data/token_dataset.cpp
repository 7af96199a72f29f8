#include "data/token_dataset.h"

#include <zlib.h>

#include <algorithm>
#include <stdexcept>

#include "data/dataset_description.h"
#include "io/json_file.h"
#include "log/error.h"

namespace infini {

TokenDataset::TokenDataset(const std::filesystem::path& split_folder) {
  // "data/" and "data/train/" have an empty last name.
  const std::filesystem::path folder = split_folder.has_filename() ? split_folder : split_folder.parent_path();
  if (!std::filesystem::exists(folder) && !std::filesystem::exists(folder.parent_path() / kDatasetFile)) {
    throw UserError("there is no " + folder.string() + "; give a split of a folder that infini prepare wrote");
  }
  const DatasetDescription description = read_dataset_description(folder.parent_path());
  vocab_size_ = description.vocab_size;
  has_eos_ = description.eos.has_value();
  const SplitDescription* const split = description.split(folder.filename().string());
  if (split == nullptr) {
    throw UserError("the data in " + folder.parent_path().string() + " have no split '" + folder.filename().string() +
                    "'; they have: " + description.split_names());
  }
  uLong documents_checksum = 0, tokens_checksum = 0;
  first_documents_.push_back(0);
  for (int64_t index = 0; index < split->shards; ++index) {
    const Shard& shard = shards_.emplace_back(shard_file(folder, index));
    if (shard.header().token_bytes != static_cast<uint32_t>(token_width(vocab_size_))) {
      throw UserError(shard_file(folder, index).string() + " holds tokens of another width than " +
                      (folder.parent_path() / kDatasetFile).string() + " says; prepare the data again");
    }
    first_documents_.push_back(first_documents_.back() + static_cast<int64_t>(shard.header().documents));
    tokens_ += static_cast<int64_t>(shard.header().tokens);
    documents_checksum = crc32_combine(documents_checksum, shard.header().table_checksum,
                                       static_cast<z_off_t>(shard.table().size_bytes()));
    tokens_checksum = crc32_combine(tokens_checksum, shard.header().tokens_checksum,
                                    static_cast<z_off_t>(shard.header().tokens * shard.header().token_bytes));
  }
  fingerprint_ = uint64_t{documents_checksum} << 32 | tokens_checksum;
  if (documents() != split->documents || tokens_ != split->tokens) {
    throw UserError(folder.string() + " holds " + std::to_string(documents()) + " documents and " +
                    std::to_string(tokens_) + " tokens, but " + (folder.parent_path() / kDatasetFile).string() +
                    " says " + std::to_string(split->documents) + " and " + std::to_string(split->tokens) +
                    "; prepare the data again");
  }
}

std::pair<const Shard*, const ShardDocument*> TokenDataset::find(int64_t document) const {
  if (document < 0 || document >= documents()) {
    throw std::out_of_range("document " + std::to_string(document) + " of " + std::to_string(documents()));
  }
  const auto after = std::upper_bound(first_documents_.begin(), first_documents_.end(), document);
  const auto index = static_cast<size_t>(after - first_documents_.begin()) - 1;
  const Shard& shard = shards_[index];
  return {&shard, &shard.table()[static_cast<size_t>(document - first_documents_[index])]};
}

int64_t TokenDataset::length(int64_t document) const { return static_cast<int64_t>(find(document).second->length); }
int64_t TokenDataset::bytes(int64_t document) const { return static_cast<int64_t>(find(document).second->bytes); }
int64_t TokenDataset::words(int64_t document) const { return static_cast<int64_t>(find(document).second->words); }

void TokenDataset::read(int64_t document, int64_t begin, int64_t end, int64_t* out) const {
  const auto [shard, entry] = find(document);
  if (begin < 0 || begin > end || end > static_cast<int64_t>(entry->length)) {
    throw std::out_of_range("tokens " + std::to_string(begin) + " to " + std::to_string(end) + " of document " +
                            std::to_string(document) + ", which has " + std::to_string(entry->length));
  }
  shard->read(entry->begin + static_cast<uint64_t>(begin), static_cast<uint64_t>(end - begin), out);
}

void TokenDataset::verify() const {
  for (const Shard& shard : shards_) shard.verify_tokens();
}

}  // namespace infini
