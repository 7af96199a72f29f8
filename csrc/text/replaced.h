#pragma once

#include <string>
#include <string_view>

namespace infini {

/// The text with `by` in the place of each `pattern`, which is not empty, from left to right.
std::string replaced(std::string_view text, std::string_view pattern, std::string_view by);

}  // namespace infini
