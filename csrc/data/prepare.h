#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "data/bad_records.h"
#include "data/dataset_description.h"
#include "log/error.h"

namespace infini {

/// The `tokenizer` of PrepareOptions that is trained on the source.
inline constexpr const char* kTrainedTokenizer = "sentencepiece";

struct PrepareOptions {
  std::filesystem::path source;     ///< see DocumentSource for the layouts
  std::filesystem::path out;        ///< the data folder
  std::string tokenizer = "bytes";  ///< "bytes", "sentencepiece" (trained on the train split), or what load_tokenizer takes
  int64_t vocab_size = 0;           ///< of a sentencepiece tokenizer that is to be trained; 0: 32,000
  std::string text_key = "text";    ///< of a line of JSON: which value is the document
  OnBadRecord on_bad_record = OnBadRecord::fail;
  int64_t threads = 0;             ///< 0: one for each available core
  int64_t shard_tokens = 1 << 26;  ///< a shard's most tokens, unless one document has more
};

/// A field of PrepareOptions that cannot be. The message is "FIELD PROBLEM"; whoever knows the option by another name
/// has the two apart.
struct WrongOption : UserError {
  WrongOption(const std::string& field_name, const std::string& what)
      : UserError(field_name + " " + what), field(field_name), problem(what) {}
  std::string field, problem;
};

/// Tokenises a source on all cores into the folder `out` that TokenDataset reads. Memory: one shard, and a few
/// MiB of text a thread; but a line of JSON, and a text that the tokenizer cannot cut, is held whole. The result
/// depends on source, tokenizer and shard_tokens alone.
///
/// Every file is written beside, synced, renamed. Cut off at any moment, the same call goes on behind the last whole
/// shard and ends with the same files as an undisturbed one; on a finished folder it checks the shards and does
/// nothing. Throws WrongOption, BrokenRecord (with OnBadRecord::fail), UserError for a folder that was begun with other
/// options or another source, and std::runtime_error if the disk is full.
DatasetDescription prepare(const PrepareOptions& options);

}  // namespace infini
