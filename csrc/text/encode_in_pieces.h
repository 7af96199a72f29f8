#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace infini {

/// Where the first piece of a text ends: within its first MiB, where the tokenizer can cut it; further on where that is
/// not possible there. A text of at most one MiB is one piece. `is_whole`: the text ends with `text`; otherwise more
/// follows, and 0 says that more is needed to tell. The answer does not depend on how much follows.
size_t first_piece(const Tokenizer& tokenizer, std::string_view text, bool is_whole);

/// The ids of a text, encoded piece by piece: sentencepiece needs 100 bytes for each byte that it is given at once.
std::vector<int32_t> encode_in_pieces(const Tokenizer& tokenizer, std::string_view text);

}  // namespace infini
