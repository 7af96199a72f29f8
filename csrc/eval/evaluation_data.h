#pragma once

#include <cstdint>
#include <filesystem>

#include "eval/perplexity.h"

namespace infini {

struct EvaluationData {
  DocumentStream next;
  int64_t bytes = 0;  ///< of source text in all, for progress (JSON lines: of the files); 0: not known
};

/// The documents at `path`, which is
///  - a split of a data folder that `infini prepare` wrote (`data/x-tokens/test`), or
///  - a .txt, .jsonl or .jsonl.gz file, or a folder of such files: each text is tokenised with the checkpoint's
///  tokenizer
///    when its turn comes.
/// Throws UserError if nothing of this is there, or if the data's tokenizer is not that of the checkpoint.
EvaluationData open_evaluation_data(const std::filesystem::path& path, const std::filesystem::path& checkpoint,
                                    int64_t vocab_size);

}  // namespace infini
