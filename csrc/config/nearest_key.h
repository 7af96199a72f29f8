#pragma once

#include <string>
#include <string_view>

namespace infini {

/// The key or section most like `path`: its name alone where it lies in the same section, else its whole path.
std::string nearest_key(std::string_view path);

}  // namespace infini
