#pragma once

#include <cstdint>
#include <filesystem>

#include "data/record_reader.h"
#include "eval/perplexity.h"

namespace infini {

struct EvaluationData {
  DocumentStream next;
  int64_t bytes = 0;  ///< of all source text (for JSON lines: of the files), to show progress; 0: unknown
};

/// Opens the documents at `path`. It is
///  - a split of a data folder that `infini prepare` wrote (`data/x-tokens/test`), or
///  - text: a file, or a folder with all folders inside, by the rules of DocumentSource. Each document is tokenised
///  with
///    the checkpoint's tokenizer when its turn comes.
/// Throws UserError if nothing of this is there, or if the data's tokenizer is not that of the checkpoint. `next`
/// throws BrokenRecord where a document cannot be used and none may be skipped.
EvaluationData open_evaluation_data(const std::filesystem::path& path, const std::filesystem::path& checkpoint,
                                    int64_t vocab_size, const TextReading& reading = {});

}  // namespace infini
