#pragma once

#include <cstddef>
#include <string_view>

namespace infini {

/// The least number of insertions, deletions and substitutions that turn one word into the other (Levenshtein). Error
/// messages use it to suggest the right word.
size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace infini
