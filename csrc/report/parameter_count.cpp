#include "report/parameter_count.h"

#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "log/error.h"

namespace infini::report {
namespace {

using nlohmann::json;

int64_t parameters_in_file(const std::filesystem::path& file) {
  const auto damaged = [&file](const std::string& why) {
    return UserError(file.string() + " is not a whole safetensors file: " + why);
  };
  std::ifstream stream(file, std::ios::binary | std::ios::ate);
  if (!stream) throw UserError(file.string() + " is missing or cannot be read");
  const auto size = static_cast<uint64_t>(stream.tellg());
  stream.seekg(0);

  std::array<unsigned char, 8> length_bytes{};
  if (!stream.read(reinterpret_cast<char*>(length_bytes.data()), length_bytes.size())) {
    throw damaged("it is shorter than the 8 bytes of its header's length");
  }
  uint64_t length = 0;
  for (size_t i = 0; i < length_bytes.size(); ++i) length |= uint64_t{length_bytes[i]} << (8 * i);
  if (length > size - length_bytes.size()) {
    throw damaged("its header should have " + std::to_string(length) + " bytes, the file has " + std::to_string(size));
  }
  std::string header(length, '\0');
  if (!stream.read(header.data(), static_cast<std::streamsize>(length))) throw damaged("its header cannot be read");

  try {
    const json tensors = json::parse(header);
    int64_t parameters = 0;
    for (const auto& [name, tensor] : tensors.items()) {
      if (name == "__metadata__") continue;
      int64_t elements = 1;
      for (const auto& extent : tensor.at("shape")) elements *= extent.get<int64_t>();
      parameters += elements;
    }
    return parameters;
  } catch (const json::exception& error) {
    throw damaged(error.what());
  }
}

}  // namespace

int64_t count_parameters(const std::filesystem::path& checkpoint) {
  const auto index = checkpoint / "model.safetensors.index.json";
  if (!std::filesystem::exists(index)) return parameters_in_file(checkpoint / "model.safetensors");

  std::set<std::string> shards;
  try {
    std::ifstream stream(index);
    const json document = json::parse(stream);
    for (const auto& shard : document.at("weight_map")) shards.insert(shard.get<std::string>());
  } catch (const json::exception& error) {
    throw UserError(index.string() + " cannot be read: " + error.what());
  }
  int64_t parameters = 0;
  for (const auto& shard : shards) parameters += parameters_in_file(checkpoint / shard);
  return parameters;
}

}  // namespace infini::report
