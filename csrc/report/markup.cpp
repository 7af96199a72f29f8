#include "report/markup.h"

#include <stdexcept>

namespace infini::report {
namespace {

using nlohmann::json;

const std::string kReplacement = "\xEF\xBF\xBD";  // U+FFFD

std::string valid_utf8(std::string_view text) {
  const std::string quoted = json(std::string(text)).dump(-1, ' ', false, json::error_handler_t::replace);
  return json::parse(quoted).get<std::string>();
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (const char character : valid_utf8(text)) {
    const auto byte = static_cast<unsigned char>(character);
    switch (character) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      case '\n':
      case '\t':
        escaped += character;
        break;
      case '\r':
        break;
      default:
        if (byte < 0x20 || byte == 0x7F) {
          escaped += kReplacement;
        } else {
          escaped += character;
        }
    }
  }
  return escaped;
}

std::string json_for_script(const json& value) {
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  // `<` occurs in JSON only inside strings, where \u003c means the same.
  std::string safe;
  for (const char character : text) {
    if (character == '<') {
      safe += "\\u003c";
    } else {
      safe += character;
    }
  }
  return safe;
}

std::string fill_template(std::string_view text, const std::map<std::string, std::string>& values) {
  std::string filled;
  for (;;) {
    const size_t open = text.find("{{");
    if (open == std::string_view::npos) return filled.append(text);
    const size_t close = text.find("}}", open);
    if (close == std::string_view::npos) throw std::logic_error("template: {{ without }}");
    const std::string name(text.substr(open + 2, close - open - 2));
    const auto value = values.find(name);
    if (value == values.end()) throw std::logic_error("template: no value for {{" + name + "}}");
    filled.append(text.substr(0, open)).append(value->second);
    text.remove_prefix(close + 2);
  }
}

}  // namespace infini::report
