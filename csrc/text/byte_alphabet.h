#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace infini {

/// The bytes that a token of a byte-level vocabulary stands for. In its file each byte is a printable character of its
/// own: "Ġthe" is " the" (GPT-2's encoder). Empty if the token has a character that is no byte.
std::optional<std::string> bytes_of_letters(std::string_view token);

/// The other way.
std::string letters_of_bytes(std::string_view bytes);

/// The byte of a token that has its name, "<0xC3>", as vocabularies of characters have them. Empty for other tokens.
std::optional<char> byte_named(std::string_view token);

}  // namespace infini
