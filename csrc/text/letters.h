#pragma once

#include <string>
#include <string_view>

namespace infini {

/// The lower-case form of a character, given as its UTF-8 bytes. Empty if it is no letter or the bytes are not one
/// well-formed character. What is a letter follows Unicode's tables in the C library (locale C.UTF-8). On a system
/// without them every character above U+007F counts as a letter and keeps its case.
std::string lower_case_letter(std::string_view character);

}  // namespace infini
