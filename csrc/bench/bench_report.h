#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "bench/bench.h"

namespace infini {

/// A table for people.
std::string to_text(const BenchResult& result);

/// The same with all digits; `operations` and `bytes` are those of one call.
nlohmann::ordered_json to_json(const BenchResult& result);

}  // namespace infini
