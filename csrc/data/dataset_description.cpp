#include "data/dataset_description.h"

#include "io/json_file.h"
#include "io/json_object.h"
#include "log/error.h"

namespace infini {
namespace {

/// Version 2: documents end with an eos. Bytes have no eos, so their data are the same as in version 1.
int version_of(const std::string& tokenizer) { return tokenizer == "bytes" ? 1 : 2; }

SplitDescription split_from_json(const std::string& name, const JsonObject& json) {
  return {name,
          json.get<int64_t>("shards"),
          json.get<int64_t>("documents"),
          json.get<int64_t>("tokens"),
          json.get<int64_t>("bytes"),
          json.get<int64_t>("words"),
          json.get<int64_t>("skipped")};
}

nlohmann::json split_to_json(const SplitDescription& split) {
  return {{"shards", split.shards}, {"documents", split.documents}, {"tokens", split.tokens},
          {"bytes", split.bytes},   {"words", split.words},         {"skipped", split.skipped}};
}

}  // namespace

const SplitDescription* DatasetDescription::split(const std::string& name) const {
  for (const SplitDescription& split : splits) {
    if (split.name == name) return &split;
  }
  return nullptr;
}

std::string DatasetDescription::split_names() const {
  std::string names;
  for (const SplitDescription& split : splits) names += (names.empty() ? "" : ", ") + split.name;
  return names;
}

DatasetDescription read_dataset_description(const std::filesystem::path& data_folder) {
  const std::filesystem::path folder = data_folder.empty() ? "." : data_folder;
  const std::filesystem::path file = folder / kDatasetFile;
  if (!std::filesystem::exists(file)) {
    if (!std::filesystem::is_directory(folder)) throw UserError("no such data folder: " + folder.string());
    if (std::filesystem::exists(folder / kHalfDoneFile)) {
      throw UserError("the data in " + folder.string() +
                      " are only half prepared; run the same `infini prepare` again, it will go on");
    }
    throw UserError(folder.string() + " is no data folder: it has no dataset.json; write one with `infini prepare`");
  }
  const nlohmann::json content = read_json(file);
  const JsonObject json(content, file.string());
  DatasetDescription description;
  const JsonObject tokenizer = json.child("tokenizer"), splits = json.child("splits");
  description.tokenizer = tokenizer.get<std::string>("kind");
  const auto version = json.get<int64_t>("version");
  if (const int expected = version_of(description.tokenizer); version != expected) {
    json.refuse("is of version " + std::to_string(version) + ", expected " + std::to_string(expected) +
                "; prepare the data again, into another folder");
  }
  description.vocab_size = tokenizer.get<int64_t>("vocab_size");
  description.document_start = tokenizer.get<int32_t>("document_start");
  if (tokenizer.has("eos")) description.eos = tokenizer.get<int32_t>("eos");
  for (const char* name : kSplitNames) {
    if (splits.has(name)) description.splits.push_back(split_from_json(name, splits.child(name)));
  }
  if (json.has("made_from")) description.made_from = json.at("made_from");
  return description;
}

void write_dataset_description(const std::filesystem::path& data_folder, const DatasetDescription& description) {
  nlohmann::json splits = nlohmann::json::object();
  for (const SplitDescription& split : description.splits) splits[split.name] = split_to_json(split);
  nlohmann::json tokenizer = {{"kind", description.tokenizer},
                              {"vocab_size", description.vocab_size},
                              {"document_start", description.document_start}};
  if (description.eos) tokenizer["eos"] = *description.eos;
  write_json(data_folder / kDatasetFile, {{"version", version_of(description.tokenizer)},
                                          {"tokenizer", tokenizer},
                                          {"splits", splits},
                                          {"made_from", description.made_from}});
}

}  // namespace infini
