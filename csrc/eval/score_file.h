#pragma once

#include <cstdint>
#include <filesystem>

#include "objective/document_score.h"

namespace infini {

/// Reads token ids, separated by whitespace, from `ids_file`. Writes the negative log-likelihood (nats, six decimals)
/// of tokens 1 … N−1 to `out_file`, one per line. Both files are streamed, and `out_file` appears whole or not at all.
/// Returns the number of scored tokens. Throws a UserError with file and position for anything that is not an id of the
/// vocabulary, and std::runtime_error if a loss is not finite.
int64_t score_file(CausalLanguageModel& model, const std::filesystem::path& ids_file,
                   const std::filesystem::path& out_file, const ScoreOptions& options = {});

}  // namespace infini
