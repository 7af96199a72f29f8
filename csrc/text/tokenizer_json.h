#pragma once

#include <filesystem>
#include <memory>

#include "io/json_object.h"
#include "text/byte_pair_tokenizer.h"

namespace infini {

/// Loads a tokenizer.json of Hugging Face's tokenizers: byte-pair encoding, byte-level or of characters. What the file
/// says and this program does not do is a UserError that names it.
std::unique_ptr<Tokenizer> load_tokenizer_json(const std::filesystem::path& file);

/// The parts of tokenizer.json, each from its object. A part that is null in the file is empty.
Normalizer read_normalizer(const JsonObject& file);
PreTokenizer read_pre_tokenizer(const JsonObject& file);

/// Whether the pre_tokenizer has a ByteLevel stage: the vocabulary is then one of bytes.
bool is_byte_level(const JsonObject& file);

/// `byte_level`: the decoder must be ByteLevel too, and nothing is left for it to do.
TokenDecoder read_decoder(const JsonObject& file, bool byte_level);

/// Checks the post_processor. It only adds special tokens, which here is the caller's decision.
void check_post_processor(const JsonObject& file);

/// What a token's name in a file stands for in BytePairVocabulary::tokens.
std::string text_of_name(const std::string& name, bool byte_level);

BytePairVocabulary read_vocabulary(const JsonObject& model, bool byte_level);

/// The added tokens with the ids that tokenizers gives them.
std::vector<AddedToken> read_added_tokens(const JsonObject& file, const BytePairVocabulary& vocabulary);

}  // namespace infini
