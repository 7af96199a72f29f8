#pragma once

#include <memory>
#include <nlohmann/json.hpp>

#include "data/document_source.h"
#include "data/prepare.h"
#include "text/tokenizer.h"

namespace infini {

/// What the ids depend on: the tokenizer's kind, and the file that it is read from or the size that it is trained to.
nlohmann::json tokenizer_identity(const PrepareOptions& options);

/// The tokenizer that the options ask for. One that is trained is saved at once, for a run that goes on later.
std::unique_ptr<Tokenizer> make_source_tokenizer(const PrepareOptions& options, const DocumentSource& source);

}  // namespace infini
