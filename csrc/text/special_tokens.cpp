#include "text/special_tokens.h"

#include "io/json_file.h"
#include "io/json_object.h"
#include "io/mapped_file.h"

namespace infini {
namespace {

std::optional<int32_t> named_token(const JsonObject& object, const std::string& key, const IdOfToken& id_of) {
  if (!object.has(key)) return std::nullopt;
  // transformers writes a string, or the token with all its settings.
  const auto name =
      object.at(key).is_object() ? object.child(key).get<std::string>("content") : object.get<std::string>(key);
  const auto id = id_of(name);
  if (!id) object.refuse(key + " is " + shown(name) + ", which is no token of the vocabulary");
  return id;
}

std::optional<int32_t> first_of(const std::vector<std::string>& names, const IdOfToken& id_of) {
  for (const std::string& name : names) {
    if (const auto id = id_of(name)) return id;
  }
  return std::nullopt;
}

}  // namespace

SpecialTokens find_special_tokens(const std::filesystem::path& folder, const IdOfToken& id_of,
                                  const IdOfToken& id_of_special) {
  for (const char* const name : {kTokenizerConfigFile, "special_tokens_map.json"}) {
    const std::filesystem::path file = folder / name;
    if (!std::filesystem::exists(file)) continue;
    const nlohmann::json json = read_json(file);
    const JsonObject object(json, file.string());
    if (!object.has("bos_token") && !object.has("eos_token")) continue;
    return {named_token(object, "bos_token", id_of), named_token(object, "eos_token", id_of)};
  }
  return {first_of({"<s>", "<|begin_of_text|>", "<bos>"}, id_of_special),
          first_of({"</s>", "<|end_of_text|>", "<|endoftext|>", "<eos>"}, id_of_special)};
}

std::vector<TokenizerFile> read_files(const std::filesystem::path& folder, const std::vector<std::string>& names) {
  std::vector<TokenizerFile> files;
  for (const std::string& name : names) {
    if (!std::filesystem::exists(folder / name)) continue;
    files.push_back({name, std::string(MappedFile(folder / name).text())});
  }
  return files;
}

}  // namespace infini
