#include "io/checksums.h"

#include <zlib.h>

#include <cstdint>
#include <cstdio>
#include <string>

#include "io/json_file.h"
#include "io/mapped_file.h"
#include "log/error.h"

namespace infini {
namespace {

constexpr const char* kFileName = "checksums.json";

std::string crc32_of(const MappedFile& file) {
  const uLong checksum =
      crc32_z(0, reinterpret_cast<const Bytef*>(file.bytes().data()), static_cast<z_size_t>(file.bytes().size()));
  char hexadecimal[9];
  std::snprintf(hexadecimal, sizeof hexadecimal, "%08lx", checksum);
  return hexadecimal;
}

}  // namespace

void write_checksums(const std::filesystem::path& folder) {
  nlohmann::json files = nlohmann::json::object();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().lexically_relative(folder).generic_string();
    if (!entry.is_regular_file() || name == kFileName) continue;
    const MappedFile file(entry.path());
    files[name] = {{"bytes", file.bytes().size()}, {"crc32", crc32_of(file)}};
  }
  write_json(folder / kFileName, {{"files", files}});
}

void verify_checksums(const std::filesystem::path& folder) {
  const std::filesystem::path list = folder / kFileName;
  if (!std::filesystem::exists(list)) return;
  const nlohmann::json json = read_json(list);
  if (!json.is_object() || !json.contains("files") || !json["files"].is_object()) {
    throw UserError(list.string() + " is damaged: it has no object \"files\"");
  }
  for (const auto& [name, expected] : json["files"].items()) {
    const std::filesystem::path path = folder / name;
    if (!expected.is_object() || !expected.contains("bytes") || !expected["bytes"].is_number_unsigned() ||
        !expected.contains("crc32") || !expected["crc32"].is_string()) {
      throw UserError(list.string() + " is damaged: " + name + " needs bytes and crc32");
    }
    if (!std::filesystem::exists(path)) {
      throw UserError(path.string() + " is missing, though checksums.json beside it lists it; copy the folder again");
    }
    const MappedFile file(path);
    const uint64_t bytes = expected["bytes"].get<uint64_t>();
    if (file.bytes().size() != bytes) {
      throw UserError(path.string() + (file.bytes().size() < bytes ? " is truncated" : " has grown") + ": it has " +
                      std::to_string(file.bytes().size()) + " bytes and was written with " + std::to_string(bytes) +
                      "; use another checkpoint or copy it again");
    }
    const std::string crc32 = crc32_of(file);
    if (expected["crc32"] != crc32) {
      throw UserError(path.string() + " is damaged: its CRC-32 is " + crc32 + " and was " +
                      expected["crc32"].get<std::string>() +
                      " when it was written; use another checkpoint or copy it again");
    }
  }
}

}  // namespace infini
