#pragma once

#include <cstddef>
#include <string_view>

namespace infini {

/// Insertions, deletions and substitutions that turn one word into the other (Levenshtein): what error messages use to
/// find the word that was meant.
size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace infini
