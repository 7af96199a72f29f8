#pragma once

#include <cstdint>
#include <string>

namespace infini {

/// A length in tokens as 1024 divides it: "32K", "1M", "5000".
std::string format_length(int64_t tokens);

}  // namespace infini
