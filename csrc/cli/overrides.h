#pragma once

#include <string>
#include <vector>

namespace infini {

/// `--set KEY=VALUE`, taken out of the command line: cxxopts would cut a value at its commas. Throws UserError where
/// the value is missing.
std::vector<std::string> take_overrides(int& argc, std::vector<char*>& argv);

}  // namespace infini
