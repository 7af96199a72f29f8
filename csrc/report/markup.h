#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace infini::report {

/// Text as HTML shows it: markup escaped, bytes that are not UTF-8 and control characters replaced by U+FFFD.
std::string escape_html(std::string_view text);

/// JSON for the inside of a <script> element. It is valid UTF-8 and has no `<`, so no text can end the element.
std::string json_for_script(const nlohmann::json& value);

/// The template with each {{name}} replaced by its value. Values are inserted as they are and not searched again.
/// Throws std::logic_error for a name without a value.
std::string fill_template(std::string_view text, const std::map<std::string, std::string>& values);

}  // namespace infini::report
