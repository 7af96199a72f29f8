#pragma once

#include <nlohmann/json.hpp>

#include "report/perplexity_comparison.h"
#include "report/table.h"

namespace infini::report {

/// Table 2 for people; "–" stands for a missing value.
Table perplexity_table(const PerplexityComparison& comparison);

/// What its columns mean, for people.
extern const char* const kPerplexityLegend;

/// The rows of Table 2 with all digits; null stands for a missing value.
nlohmann::ordered_json perplexity_json(const PerplexityComparison& comparison);

}  // namespace infini::report
