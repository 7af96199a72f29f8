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

}  // namespace

json parse_json(std::string_view text, std::optional<JsonFault>& fault) {
  json result = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!result.is_discarded()) return result;
  FaultFinder finder;
  json::sax_parse(text, &finder);
  fault = finder.fault();
  return nullptr;
}

json read_json(const std::filesystem::path& file) {
  const MappedFile mapped(file);
  const std::string_view text(reinterpret_cast<const char*>(mapped.bytes().data()), mapped.bytes().size());
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
