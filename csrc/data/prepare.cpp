#include "data/prepare.h"

#include <filesystem>
#include <memory>
#include <string>

#include "data/data_folder.h"
#include "data/document_source.h"
#include "data/source_tokenizer.h"
#include "data/token_dataset.h"
#include "data/tokenize_split.h"
#include "data/unknown_tokens.h"
#include "log/log.h"
#include "log/progress.h"
#include "text/tokenizer.h"

namespace infini {
namespace {

void check(const PrepareOptions& options) {
  const bool trained = options.tokenizer == kTrainedTokenizer;
  if (!trained && options.tokenizer != "bytes" && !std::filesystem::exists(options.tokenizer)) {
    throw WrongOption(
        "tokenizer",
        "is '" + options.tokenizer + "', expected bytes, sentencepiece, or a tokenizer's folder or file that is there");
  }
  if (!trained && options.vocab_size != 0) {
    throw WrongOption("vocab_size", "is for a sentencepiece tokenizer that is to be trained; '" + options.tokenizer +
                                        "' has a size of its own");
  }
  if (options.vocab_size < 0) throw WrongOption("vocab_size", "must be positive");
  if (options.threads < 0) throw WrongOption("threads", "must be positive, or 0 for one per core");
  if (options.shard_tokens < 1) throw WrongOption("shard_tokens", "must be positive");
}

std::string summary(const SplitDescription& split) {
  return split.name + ": " + std::to_string(split.documents) + " documents, " + std::to_string(split.tokens) +
         " tokens, " + std::to_string(split.words) + " words, " + std::to_string(split.bytes) + " bytes";
}

DatasetDescription check_finished(const std::filesystem::path& folder) {
  DatasetDescription description = read_dataset_description(folder);
  for (const SplitDescription& split : description.splits) TokenDataset(folder / split.name).verify();
  std::filesystem::remove(folder / kHalfDoneFile);
  log::info(folder.string() + " is already prepared; its checksums are right, nothing to do");
  return description;
}

}  // namespace

DatasetDescription prepare(const PrepareOptions& options) {
  check(options);
  const DocumentSource source = find_documents(options.source);
  std::unique_ptr<Tokenizer> tokenizer = load_named_tokenizer(options);
  DatasetDescription description;
  description.made_from = {{"source", source.fingerprint},
                           {"tokenizer", tokenizer_identity(options, tokenizer.get())},
                           {"text_key", options.text_key},
                           {"shard_tokens", options.shard_tokens}};
  const DataFolder folder(options.out, description.made_from);
  if (folder.finished()) return check_finished(options.out);
  if (folder.begun_before()) log::info("going on with " + options.out.string());

  if (!tokenizer) tokenizer = make_trained_tokenizer(options, source);
  description.tokenizer = tokenizer->kind();
  description.vocab_size = tokenizer->vocab_size();
  description.document_start = tokenizer->document_start();
  description.eos = tokenizer->eos();

  int64_t bytes = 0;
  for (const SourceSplit& split : source.splits) bytes += split.bytes;
  Progress progress("prepare", bytes, "bytes");
  int64_t bytes_before = 0;
  for (const SourceSplit& split : source.splits) {
    const SplitDescription prepared = tokenize_split(options, *tokenizer, split, bytes_before, progress);
    bytes_before += split.bytes;
    if (prepared.documents > 0) {
      description.splits.push_back(prepared);
    } else {
      std::filesystem::remove(options.out / split.name);
    }
  }
  progress.finish();
  if (description.split("train") == nullptr) {
    throw UserError(options.source.string() + " has no document for training that can be used");
  }
  save_tokenizer(*tokenizer, options.out);
  write_dataset_description(options.out, description);
  std::filesystem::remove(options.out / kHalfDoneFile);
  for (const SplitDescription& split : description.splits) log::info(summary(split));
  warn_of_unknown_tokens(options.out, description, *tokenizer);
  return description;
}

}  // namespace infini
