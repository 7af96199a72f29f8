#pragma once

#include <string>
#include <vector>

namespace infini {

/// Takes each `--set KEY=VALUE` out of the command line and returns the KEY=VALUE; cxxopts would cut a value at its
/// commas. Throws UserError if a value is missing.
std::vector<std::string> take_overrides(int& argc, std::vector<char*>& argv);

}  // namespace infini
