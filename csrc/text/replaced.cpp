#include "text/replaced.h"

namespace infini {

std::string replaced(std::string_view text, std::string_view pattern, std::string_view by) {
  std::string result;
  result.reserve(text.size() + text.size() / 4);
  size_t from = 0;
  for (size_t at; (at = text.find(pattern, from)) != std::string_view::npos; from = at + pattern.size()) {
    result += text.substr(from, at - from);
    result += by;
  }
  return result += text.substr(from);
}

}  // namespace infini
