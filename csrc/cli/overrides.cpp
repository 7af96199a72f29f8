#include "cli/overrides.h"

#include <string_view>

#include "log/error.h"

namespace infini {

std::vector<std::string> take_overrides(int& argc, std::vector<char*>& argv) {
  std::vector<std::string> overrides;
  std::vector<char*> rest;
  for (size_t i = 0; i < argv.size(); ++i) {
    const std::string argument = argv[i];
    constexpr std::string_view kJoined = "--set=";
    if (argument.starts_with(kJoined)) {
      overrides.push_back(argument.substr(kJoined.size()));
    } else if (argument == "--set") {
      if (i + 1 == argv.size()) throw UserError("--set needs key=value, such as --set steps=100");
      overrides.emplace_back(argv[++i]);
    } else {
      rest.push_back(argv[i]);
    }
  }
  argv = rest;
  argc = static_cast<int>(argv.size());
  return overrides;
}

}  // namespace infini
