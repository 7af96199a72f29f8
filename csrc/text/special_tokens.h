#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace infini {

/// The tokens around a text.
struct SpecialTokens {
  std::optional<int32_t> bos, eos;
};

/// The id of a token, or nothing if there is none of this name.
using IdOfToken = std::function<std::optional<int32_t>(const std::string& name)>;

/// What tokenizer_config.json, or else special_tokens_map.json, in `folder` names as bos_token and eos_token. If
/// neither does, those of the usual names (<s>, </s>, <|endoftext|> and others) that `id_of_special` knows: a
/// vocabulary may also have "<s>" as a piece of text. Throws UserError if a file names a token that `id_of` does not
/// know.
SpecialTokens find_special_tokens(const std::filesystem::path& folder, const IdOfToken& id_of,
                                  const IdOfToken& id_of_special);

/// Those of the files that are there, with their content.
std::vector<TokenizerFile> read_files(const std::filesystem::path& folder, const std::vector<std::string>& names);

}  // namespace infini
