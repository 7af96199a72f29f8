#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace infini {

inline constexpr std::array kSplitNames = {"train", "validation", "test"};
/// Written last: a data folder that has it is whole.
inline constexpr const char* kDatasetFile = "dataset.json";
/// What a folder that is half prepared is made from; removed when it is whole.
inline constexpr const char* kHalfDoneFile = "half_done.json";

/// What dataset.json says of one split.
struct SplitDescription {
  std::string name;  ///< "train", "validation" or "test"
  int64_t shards = 0;
  int64_t documents = 0;
  int64_t tokens = 0;  ///< with each document's document_start and eos
  int64_t bytes = 0;   ///< of source text
  int64_t words = 0;
  int64_t skipped = 0;  ///< broken records that were left out
};

/// What dataset.json says.
struct DatasetDescription {
  std::string tokenizer;  ///< "bytes" or "sentencepiece"
  int64_t vocab_size = 0;
  int32_t document_start = 0;
  std::optional<int32_t> eos;  ///< ends each document, where the tokenizer has one
  std::vector<SplitDescription> splits;
  nlohmann::json made_from;  ///< source and options: a second run of `prepare` with the same ones has nothing to do

  /// Null where there is none of that name.
  const SplitDescription* split(const std::string& name) const;
  /// "train, validation, test"
  std::string split_names() const;
};

/// Throws UserError that says whether the folder is missing, half prepared, or no data folder at all.
DatasetDescription read_dataset_description(const std::filesystem::path& data_folder);
void write_dataset_description(const std::filesystem::path& data_folder, const DatasetDescription& description);

}  // namespace infini
