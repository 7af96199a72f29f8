#include <algorithm>
#include <iostream>
#include <optional>

#include "cli/commands.h"
#include "cli/model_options.h"
#include "cli/needle_lists.h"
#include "eval/needle_file.h"
#include "eval/needle_report.h"
#include "io/json_file.h"
#include "io/json_object.h"
#include "log/error.h"
#include "log/progress.h"
#include "objective/needles.h"
#include "text/token_length.h"
#include "text/tokenizer.h"

namespace infini {
namespace {

namespace fs = std::filesystem;

/// Everything that results depend on. A file of results is continued only with the same settings.
nlohmann::json settings_of(const fs::path& checkpoint, const NeedleOptions& needles, const NeedleReading& reading,
                           const std::string& precision) {
  nlohmann::json weights = nullptr;
  if (fs::exists(checkpoint / "checksums.json")) {
    const nlohmann::json checksums = read_json(checkpoint / "checksums.json");
    weights = JsonObject(checksums, (checkpoint / "checksums.json").string()).child("files").at("model.safetensors");
  }
  return {{"checkpoint", fs::weakly_canonical(checkpoint).filename().string()},
          {"weights", weights},
          {"task", needles.kind},
          {"digits", needles.digits},
          {"needles", needles.needles},
          {"fillers", needles.fillers},
          {"documents", needles.documents.string()},
          {"seed", reading.seed},
          {"memory", reading.memory},
          {"precision", precision}};
}

void add_passkey_options(cxxopts::Options& options) {
  add_model_options(options);
  const auto text = [](const char* standard) { return cxxopts::value<std::string>()->default_value(standard); };
  const auto integer = [](const char* standard) { return cxxopts::value<int64_t>()->default_value(standard); };
  auto add = options.add_options();
  add("lengths", "tokens in an input, such as 4K or 1M", text("1K,4K,16K,32K"), "LIST");
  add("depths", "where the key stands: start, middle, end or numbers from 0 to 1; or 0:1:0.05",
      text("start,middle,end"), "LIST");
  add("trials", "inputs per cell", integer("20"), "N");
  add("task", needle_kinds(), text("passkey"), "NAME");
  add("digits", "digits in a key", integer("5"), "N");
  add("needles", "hidden keys, pairs or variables", integer("1"), "N");
  add("fillers", "built-in irrelevant texts; each input draws one: " + filler_names(), text("grass"), "LIST");
  add("documents", "a split of a prepared data folder whose text is one more filler (with --fillers '' the only one)",
      text(""), "DIR");
  add("seed", "of keys and fillers; take another one than in training",
      cxxopts::value<uint64_t>()->default_value("1000"), "N");
  add("rows", "inputs read side by side", integer("8"), "N");
  add("no-memory", "empty the memory before every segment: attention is only local");
  add("json", "print JSON");
  add("out", "keep the results in a file; cells that it already has are not measured again",
      cxxopts::value<std::string>(), "FILE");
}

NeedleOptions needle_options(const cxxopts::ParseResult& arguments) {
  NeedleOptions needles;
  needles.kind = arguments["task"].as<std::string>();
  needles.digits = positive(arguments, "digits");
  needles.needles = positive(arguments, "needles");
  needles.fillers = parse_names(arguments["fillers"].as<std::string>());
  needles.documents = arguments["documents"].as<std::string>();
  return needles;
}

NeedleReading needle_reading(const cxxopts::ParseResult& arguments) {
  NeedleReading reading;
  reading.seed = arguments["seed"].as<uint64_t>();
  reading.rows = positive(arguments, "rows");
  reading.memory = arguments.count("no-memory") == 0;
  return reading;
}

/// The task in the tokens of the checkpoint's tokenizer. Throws UserError if the model has fewer tokens, or if a length
/// has no room for all trials.
NeedleTask task_for(const CausalLanguageModel& model, const fs::path& checkpoint, const NeedleOptions& needles,
                    const std::vector<int64_t>& lengths, int64_t trials, uint64_t seed) {
  NeedleTask task(needles, load_tokenizer(checkpoint));
  if (task.tokenizer().vocab_size() > model.config().vocab_size) {
    throw UserError(checkpoint.string() + ": its tokenizer has " + std::to_string(task.tokenizer().vocab_size()) +
                    " tokens, its model only " + std::to_string(model.config().vocab_size));
  }
  int64_t needed = 0;
  for (int64_t trial = 0; trial < trials; ++trial) {
    needed = std::max(needed, task.shortest_length(seed, static_cast<uint64_t>(trial)));
  }
  for (const int64_t length : lengths) {
    if (length >= needed) continue;
    throw UserError("--lengths: " + std::to_string(length) + " tokens have no room for task " + needles.kind +
                    ", which needs " + std::to_string(needed));
  }
  return task;
}

/// Measures the cells that `file` does not hold yet, one by one.
std::vector<NeedleResult> measure(CausalLanguageModel& model, const NeedleTask& task,
                                  const std::vector<NeedleCell>& cells, NeedleReading reading,
                                  std::optional<NeedleFile>& file) {
  std::vector<NeedleResult> results;
  int64_t total = 0, done = 0;
  for (const NeedleCell& cell : cells) {
    total += cell.length * cell.trials;
    if (file && file->find(cell)) done += cell.length * cell.trials;
  }
  Progress progress("passkey", total, "tokens", done);
  for (const NeedleCell& cell : cells) {
    if (const auto before = file ? file->find(cell) : std::nullopt) {
      results.push_back({cell, *before});
      continue;
    }
    reading.on_progress = [&](int64_t tokens) { progress.update(done + tokens, format_length(cell.length)); };
    results.push_back({cell, measure_needles(model, task, cell, reading)});
    done += cell.length * cell.trials;
    if (file) file->append(results.back());
  }
  progress.update(done);
  progress.finish();
  return results;
}

}  // namespace

int run_passkey(int argc, char** argv) {
  cxxopts::Options options(
      "infini passkey",
      "Hides a key in irrelevant text of any length and asks for it: accuracy by length and depth (Table 3 of the "
      "paper), in memory that does not depend on the length. With --out each measured cell is kept in a file. A run "
      "that "
      "was stopped continues when it is started again, and infini report shows the results.\n\n"
      "Example: infini passkey --checkpoint runs/passkey_small_delta/checkpoints/step-5000 --lengths 32K,128K,1M "
      "--trials 10 --out runs/passkey_small_delta/passkey.jsonl\n");
  add_passkey_options(options);
  const auto parsed = parse_arguments(options, argc, argv);
  if (!parsed) return 0;
  const cxxopts::ParseResult& arguments = *parsed;

  const std::vector<int64_t> lengths = parse_lengths(arguments["lengths"].as<std::string>());
  const std::vector<NeedleDepth> depths = parse_depths(arguments["depths"].as<std::string>());
  const int64_t trials = positive(arguments, "trials");
  std::vector<NeedleCell> cells;
  for (const int64_t length : lengths) {
    for (const NeedleDepth& depth : depths) cells.push_back({length, depth.value, trials});
  }
  const NeedleOptions needles = needle_options(arguments);
  const NeedleReading reading = needle_reading(arguments);
  const fs::path checkpoint = chosen_checkpoint(arguments);
  if (arguments.count("out") > 0) check_output_path("out", arguments["out"].as<std::string>());

  const auto model = load_chosen_model(arguments, checkpoint);
  const NeedleTask task = task_for(*model, checkpoint, needles, lengths, trials, reading.seed);
  std::optional<NeedleFile> file;
  if (arguments.count("out") > 0) {
    file.emplace(arguments["out"].as<std::string>(),
                 settings_of(checkpoint, needles, reading, arguments["precision"].as<std::string>()));
  }
  const std::vector<NeedleResult> results = measure(*model, task, cells, reading, file);

  if (arguments.count("json") > 0) {
    nlohmann::json measured = nlohmann::json::array();
    for (const NeedleResult& result : results) measured.push_back(to_json(result));
    std::cout << measured.dump(2) << "\n";
  } else {
    // The paper reports only the pass key.
    std::cout << to_text(results, depths, needles.kind == "passkey" ? model->config().memory.update : "");
  }
  return 0;
}

}  // namespace infini
