#include "io/json_file.h"

#include <algorithm>
#include <string>

#include "io/atomic_file.h"
#include "io/mapped_file.h"
#include "log/error.h"

namespace infini {
namespace {

using nlohmann::json;

/// Reads over a text up to its first fault. (An exception of the library has the place for some faults only.)
class FaultFinder : public json::json_sax_t {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(json::number_integer_t) override { return true; }
  bool number_unsigned(json::number_unsigned_t) override { return true; }
  bool number_float(json::number_float_t, const std::string&) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(json::binary_t&) override { return true; }
  bool start_object(size_t) override { return true; }
  bool key(std::string&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(size_t byte, const std::string&, const json::exception& error) override {
    fault_ = {static_cast<int64_t>(byte), reason(error.what())};
    return false;
  }
  const JsonFault& fault() const { return fault_; }

 private:
  /// The library's message without its own number and line, and without what it read last, which may be megabytes.
  static std::string reason(std::string message) {
    if (const size_t number = message.find("] "); number != std::string::npos) message.erase(0, number + 2);
    if (message.starts_with("parse error")) message.erase(0, std::min(message.size(), message.find(": ") + 2));
    if (message.starts_with("number overflow")) message = "a number is too large";
    return message.substr(0, message.find("; last read"));
  }

  JsonFault fault_{1, "it cannot be read"};
};

/// Where the text nests too deeply for functions that call themselves for each level.
std::optional<JsonFault> nesting_fault(std::string_view text) {
  constexpr int64_t kDeepest = 500;
  int64_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDeepest) return JsonFault{static_cast<int64_t>(i) + 1, "it is nested more than 500 deep"};
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return std::nullopt;
}

}  // namespace

json parse_json(std::string_view text, std::optional<JsonFault>& fault) {
  fault = nesting_fault(text);
  if (fault) return nullptr;
  json result = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!result.is_discarded()) return result;
  FaultFinder finder;
  json::sax_parse(text, &finder);
  fault = finder.fault();
  return nullptr;
}

json read_json(const std::filesystem::path& file) {
  const MappedFile mapped(file);
  const std::string_view text = mapped.text();
  if (text.empty()) throw UserError(file.string() + " is empty, expected JSON");
  std::optional<JsonFault> fault;
  json result = parse_json(text, fault);
  if (!fault) return result;
  const std::string_view before = text.substr(0, static_cast<size_t>(fault->byte));
  throw UserError(file.string() + ":" + std::to_string(1 + std::count(before.begin(), before.end(), '\n')) +
                  ": not valid JSON: " + fault->reason);
}

void write_json(const std::filesystem::path& file, const json& json) { write_file(file, json.dump(2) + "\n"); }

}  // namespace infini
