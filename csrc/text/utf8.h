#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace infini {

/// The offset of the first byte that does not begin a well-formed UTF-8 sequence, or nothing if the whole text is
/// valid. Overlong forms, surrogates and code points above U+10FFFF are not well-formed.
std::optional<int64_t> invalid_utf8_offset(std::string_view text);

/// Whether a byte is ASCII white space.
bool is_space(char byte);

/// The number of words: runs of characters that are not ASCII white space.
int64_t count_words(std::string_view text);

/// The largest offset, at most `offset`, where a cut does not split a UTF-8 character.
int64_t character_border(std::string_view text, int64_t offset);

}  // namespace infini
