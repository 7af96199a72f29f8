#include "cli/recall_options.h"

#include <algorithm>

#include "cli/model_options.h"
#include "data/dataset_description.h"
#include "data/shard.h"
#include "io/run_checkpoints.h"
#include "log/error.h"
#include "text/tokenizer.h"

namespace infini {
namespace {

namespace fs = std::filesystem;

/// "NAME/step-N" for a checkpoint of runs/NAME, otherwise the name of the folder.
std::string long_name(const fs::path& checkpoint) {
  const fs::path folder = fs::canonical(checkpoint);
  if (folder.parent_path().filename() != "checkpoints") return folder.filename().string();
  return folder.parent_path().parent_path().filename().string() + "/" + folder.filename().string();
}

/// As short as the names stay different: the runs' names, else with the step, else the paths.
void name_readings(std::vector<ModelReading>& readings) {
  const auto differ = [&] {
    std::vector<std::string> names;
    for (const ModelReading& reading : readings) names.push_back(reading.name);
    std::sort(names.begin(), names.end());
    return std::adjacent_find(names.begin(), names.end()) == names.end();
  };
  for (ModelReading& reading : readings) {
    const std::string name = long_name(reading.checkpoint);
    reading.name = name.substr(0, name.find('/'));
  }
  if (differ()) return;
  for (ModelReading& reading : readings) reading.name = long_name(reading.checkpoint);
  if (differ()) return;
  for (ModelReading& reading : readings) reading.name = fs::canonical(reading.checkpoint).string();
  if (!differ()) throw UserError("--against names a checkpoint that is compared already; name each model once");
}

}  // namespace

void add_recall_options(cxxopts::Options& options) {
  auto add = options.add_options();
  add("recall",
      "also measure the loss on words by the distance to their last occurrence, and by how often the training split of "
      "this prepared data folder has them",
      cxxopts::value<std::string>(), "DIR");
  add("recall-segment", "the unit of distance in tokens; 0: the model's segment length",
      cxxopts::value<int64_t>()->default_value("0"), "N");
  add("against", "with --recall: another checkpoint or run to compare with; may be repeated",
      cxxopts::value<std::vector<std::string>>(), "DIR");
  add("also-no-memory", "with --recall: compare with the same model with its memory off");
}

std::vector<ModelReading> chosen_readings(const cxxopts::ParseResult& arguments, const fs::path& checkpoint) {
  if (arguments.count("recall") == 0) {
    for (const char* const option : {"recall-segment", "against", "also-no-memory"}) {
      if (arguments.count(option) > 0) throw UserError(std::string("--") + option + " needs --recall");
    }
  }
  const bool memory = arguments.count("no-memory") == 0;
  std::vector<ModelReading> readings = {{"", checkpoint, memory}};
  if (arguments.count("against") > 0) {
    for (const std::string& other : arguments["against"].as<std::vector<std::string>>()) {
      readings.push_back({"", checkpoint_of(other), true});
    }
  }
  for (const ModelReading& reading : readings) {
    if (!fs::is_directory(reading.checkpoint)) throw UserError("no such folder: " + reading.checkpoint.string());
  }
  name_readings(readings);
  if (arguments.count("also-no-memory") > 0) {
    if (!memory) throw UserError("--also-no-memory and --no-memory exclude each other: the memory is off already");
    readings.insert(readings.begin() + 1, {readings.front().name + ", memory off", checkpoint, false});
  }
  return readings;
}

int64_t recall_segment_length(const cxxopts::ParseResult& arguments, int64_t of_model) {
  if (arguments["recall-segment"].as<int64_t>() != 0) return positive(arguments, "recall-segment");
  if (of_model == 0) {
    throw UserError("the model has no segments to measure distances in: choose a length with --recall-segment");
  }
  return of_model;
}

void check_recall_folders(const fs::path& training, const std::vector<ModelReading>& readings, const fs::path& data) {
  const DatasetDescription description = read_dataset_description(training);
  if (description.split("train") == nullptr) {
    throw UserError("--recall: " + training.string() + " has no split train, only " + description.split_names());
  }
  const auto expected = load_tokenizer(training);
  std::vector<fs::path> folders;
  for (const ModelReading& reading : readings) folders.push_back(reading.checkpoint);
  if (fs::exists(shard_file(data, 0))) folders.push_back(fs::canonical(data).parent_path());
  for (const fs::path& folder : folders) {
    const auto tokenizer = load_tokenizer_if_there(folder);
    if (tokenizer && !same_tokenizer(*tokenizer, *expected)) {
      throw UserError("the tokenizer of " + folder.string() + " is not that of " + training.string() +
                      ": the loss on words compares only models, documents and training texts with the same tokenizer");
    }
  }
}

}  // namespace infini
