#include "io/json_file.h"

#include <algorithm>
#include <string>

#include "io/atomic_file.h"
#include "io/mapped_file.h"
#include "log/error.h"

namespace infini {

nlohmann::json read_json(const std::filesystem::path& file) {
  const MappedFile mapped(file);
  const char* const begin = reinterpret_cast<const char*>(mapped.bytes().data());
  const char* const end = begin + mapped.bytes().size();
  if (begin == end) throw UserError(file.string() + " is empty, expected JSON");
  try {
    return nlohmann::json::parse(begin, end);
  } catch (const nlohmann::json::parse_error& error) {
    const char* const at = std::min(begin + error.byte, end);
    const std::string message = error.what();  // "[json.exception.parse_error.101] parse error at line …: syntax …"
    const size_t syntax = message.find(": ");
    throw UserError(file.string() + ":" + std::to_string(1 + std::count(begin, at, '\n')) + ": not valid JSON" +
                    (syntax == std::string::npos ? "" : message.substr(syntax)));
  }
}

void write_json(const std::filesystem::path& file, const nlohmann::json& json) {
  write_file(file, json.dump(2) + "\n");
}

}  // namespace infini
