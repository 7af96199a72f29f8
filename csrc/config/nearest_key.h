#pragma once

#include <string>
#include <string_view>

namespace infini {

/// The key or section that is most similar to `path`. Returns only its name if it is in the same section, else its
/// whole path.
std::string nearest_key(std::string_view path);

}  // namespace infini
