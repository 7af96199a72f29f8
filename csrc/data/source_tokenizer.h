#pragma once

#include <memory>
#include <nlohmann/json.hpp>

#include "data/document_source.h"
#include "data/prepare.h"
#include "text/tokenizer.h"

namespace infini {

/// The tokenizer that the options name, or null if one is to be trained.
std::unique_ptr<Tokenizer> load_named_tokenizer(const PrepareOptions& options);

/// What the ids depend on: the tokenizer's kind, and the files of `named` or the size that it is trained to.
nlohmann::json tokenizer_identity(const PrepareOptions& options, const Tokenizer* named);

/// Trains a tokenizer on the source and saves it at once, for a run that goes on later, which loads it here.
std::unique_ptr<Tokenizer> make_trained_tokenizer(const PrepareOptions& options, const DocumentSource& source);

}  // namespace infini
