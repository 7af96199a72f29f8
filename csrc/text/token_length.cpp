#include "text/token_length.h"

namespace infini {

std::string format_length(int64_t tokens) {
  constexpr int64_t kilo = 1024, mega = kilo * kilo;
  if (tokens % mega == 0) return std::to_string(tokens / mega) + "M";
  if (tokens % kilo == 0) return std::to_string(tokens / kilo) + "K";
  return std::to_string(tokens);
}

}  // namespace infini
