#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "bench/bench.h"

namespace infini {

/// A table for people.
std::string to_text(const BenchResult& result);

/// The same with all digits, as JSON. `operations` and `bytes` are for one call.
nlohmann::ordered_json to_json(const BenchResult& result);

}  // namespace infini
