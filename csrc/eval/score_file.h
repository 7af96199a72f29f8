#pragma once

#include <cstdint>
#include <filesystem>

#include "objective/document_score.h"

namespace infini {

/// Reads token ids with whitespace between from `ids_file` and writes to `out_file` the negative log-likelihood (nats,
/// six decimals) of tokens 1 … N−1, one a line. Both files are streamed; `out_file` appears whole or not at all.
/// Returns how many were scored. Throws UserError that names the file and the position for anything that is no id of
/// the vocabulary, std::runtime_error if a loss is not finite.
int64_t score_file(CausalLanguageModel& model, const std::filesystem::path& ids_file,
                   const std::filesystem::path& out_file, const ScoreOptions& options = {});

}  // namespace infini
