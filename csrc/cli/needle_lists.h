#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "eval/needle_report.h"

/// The lists that `infini passkey` takes. Each throws UserError that names the option and the part that is wrong.
namespace infini {

/// --lengths: "32K,128K,1M" (K is 1024, M 1024²).
std::vector<int64_t> parse_lengths(std::string_view text);
/// --depths: "start,middle,end", "0,0.25,1", or "0:1:0.05" (from, to, step).
std::vector<NeedleDepth> parse_depths(std::string_view text);
/// --fillers: "grass,harbour"; nothing for "".
std::vector<std::string> parse_names(std::string_view text);

}  // namespace infini
