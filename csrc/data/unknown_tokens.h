#pragma once

#include <filesystem>

#include "data/dataset_description.h"
#include "text/tokenizer.h"

namespace infini {

/// One warning for each split of which the tokenizer could not express all, with its share of unknown tokens and the
/// remedy. Reads the tokens of a finished data folder once; a tokenizer that expresses every text costs nothing.
void warn_of_unknown_tokens(const std::filesystem::path& data_folder, const DatasetDescription& description,
                            const Tokenizer& tokenizer);

}  // namespace infini
