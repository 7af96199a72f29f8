#pragma once

#include <cstdint>

#include "data/dataset_description.h"
#include "data/document_source.h"
#include "data/prepare.h"
#include "log/progress.h"
#include "text/tokenizer.h"

namespace infini {

/// Tokenises one split on all threads and writes its shards; the documents stay in order, and only a few pieces
/// of them are in memory at a time. `bytes_before`: what the splits before this one add to `progress`.
SplitDescription tokenize_split(const PrepareOptions& options, const Tokenizer& tokenizer, const SourceSplit& split,
                                int64_t bytes_before, Progress& progress);

}  // namespace infini
