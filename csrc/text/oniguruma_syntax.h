#pragma once

#include <string>
#include <string_view>

namespace infini {

/// The pattern for PCRE2 (with UTF, UCP and MULTILINE) that means what `pattern` means in Oniguruma. What the two read
/// differently is written out (\s, \w, \d) or refused: a UserError names the construct.
std::string pcre2_pattern(std::string_view pattern);

}  // namespace infini
