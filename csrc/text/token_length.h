#pragma once

#include <cstdint>
#include <string>

namespace infini {

/// A length in tokens in units of 1024 or 1024², if it is a multiple: "32K", "1M", "5000".
std::string format_length(int64_t tokens);

}  // namespace infini
