#include <cmath>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/model_options.h"
#include "cli/recall_options.h"
#include "cli/text_options.h"
#include "data/token_dataset.h"
#include "eval/evaluation_data.h"
#include "eval/perplexity.h"
#include "eval/perplexity_report.h"
#include "eval/recall_comparison.h"
#include "eval/recall_report.h"
#include "io/atomic_file.h"
#include "log/error.h"
#include "log/log.h"
#include "log/progress.h"
#include "text/tokenizer.h"

namespace infini {
namespace {

/// Shows progress in bytes of text, or in tokens if --max-tokens limits them. Shows none if neither total is known.
class EvaluationProgress {
 public:
  EvaluationProgress(const std::string& title, int64_t bytes, int64_t max_tokens)
      : total_(max_tokens > 0 ? max_tokens : bytes) {
    by_tokens_ = max_tokens > 0;
    if (total_ > 0) progress_.emplace(title, total_, by_tokens_ ? "tokens" : "bytes");
  }
  void update(const Perplexity& sofar) {
    if (!progress_) return;
    const std::string speed = std::to_string(std::llround(sofar.tokens_per_second())) + " tokens/s";
    progress_->update(by_tokens_ ? sofar.tokens : sofar.bytes,
                      speed + ", perplexity " + std::to_string(sofar.token_perplexity()));
  }
  void finish() {
    if (progress_) progress_->finish();
  }

 private:
  int64_t total_;
  bool by_tokens_;
  std::optional<Progress> progress_;
};

/// Reads all documents with one model. `on_scored` may be null.
Perplexity read_documents(CausalLanguageModel& model, const ModelReading& reading,
                          const cxxopts::ParseResult& arguments,
                          const std::function<void(const ScoredTokens&)>& on_scored) {
  PerplexityOptions options;
  options.score.memory = reading.memory;
  options.score.window_tokens = arguments["window"].as<int64_t>();
  options.max_tokens = arguments["max-tokens"].as<int64_t>();
  const EvaluationData data = open_evaluation_data(required(arguments, "data"), reading.checkpoint,
                                                   model.config().vocab_size, text_reading(arguments));
  EvaluationProgress progress(on_scored ? "eval " + reading.name : "eval", data.bytes, options.max_tokens);
  options.on_progress = [&](const Perplexity& sofar) { progress.update(sofar); };
  options.on_scored = on_scored;
  try {
    Perplexity result = measure_perplexity(model, data.next, options);
    progress.finish();
    return result;
  } catch (const BrokenRecord& error) {
    throw with_advice(error);
  }
}

/// Counts the words of the training split of a prepared data folder.
WordCounts count_training_words(const std::filesystem::path& data_folder, const std::vector<std::string>& token_bytes) {
  const std::filesystem::path split = data_folder / "train";
  Progress progress("words of " + split.string(), TokenDataset(split).tokens(), "tokens");
  WordCounts counts = count_words_of_split(split, token_bytes, [&](int64_t tokens) { progress.update(tokens); });
  progress.finish();
  return counts;
}

/// Lets every model read the documents. `model` is that of the first reading.
RecallReport measure_recall(std::shared_ptr<CausalLanguageModel> model, const std::vector<ModelReading>& readings,
                            const cxxopts::ParseResult& arguments) {
  if (arguments.count("also-no-memory") > 0 && !model->has_memory()) {
    throw UserError("--also-no-memory: " + readings.front().checkpoint.string() + " has no memory to switch off");
  }
  RecallReport report;
  report.segment_length = recall_segment_length(arguments, model->config().memory.segment_length);
  report.training = arguments["recall"].as<std::string>();
  const std::vector<std::string> token_bytes = bytes_of_tokens(*load_tokenizer(report.training));
  const WordCounts counts = count_training_words(report.training, token_bytes);
  report.training_words = counts.distinct();

  RecallComparison comparison(token_bytes, counts, report.segment_length);
  std::filesystem::path loaded = readings.front().checkpoint;
  for (const ModelReading& reading : readings) {
    if (reading.checkpoint != loaded) {
      model.reset();  // before the next one needs its room
      model = load_chosen_model(arguments, reading.checkpoint);
      loaded = reading.checkpoint;
    }
    comparison.begin_model();
    const Perplexity perplexity =
        read_documents(*model, reading, arguments, [&](const ScoredTokens& scored) { comparison.add(scored); });
    report.models.push_back({.name = reading.name,
                             .checkpoint = reading.checkpoint.string(),
                             .memory_off = !reading.memory && model->has_memory(),
                             .perplexity = perplexity,
                             .tables = comparison.models().back()});
  }
  return report;
}

}  // namespace

int run_eval(int argc, char** argv) {
  cxxopts::Options options(
      "infini eval",
      "Streaming perplexity of a checkpoint over all tokens of all segments of whole documents: by token, by word, "
      "bits per byte, and by position in the document. With --recall also the loss on words that the document had "
      "before, by the distance to them.\n\n"
      "Example: infini eval --checkpoint runs/quickstart/checkpoints/step-600 --data data/plays-tokens/test\n");
  add_model_options(options);
  add_data_option(options);
  auto add = options.add_options();
  add("no-memory", "empty the memory before every segment: attention is only local");
  add("window",
      "a model sees nothing before the last multiple of so many tokens of a document, as in training with that "
      "train_length; 0: it sees the whole document",
      cxxopts::value<int64_t>()->default_value("0"), "N");
  add("max-tokens", "stop after that many; 0: read all", cxxopts::value<int64_t>()->default_value("0"), "N");
  add("json", "print JSON");
  add("out",
      "write the JSON to a file as well; infini report reads RUN/evaluation.json, and RUN/recall.json for --recall",
      cxxopts::value<std::string>(), "FILE");
  add_recall_options(options);
  add_text_options(options);
  const auto parsed = parse_arguments(options, argc, argv);
  if (!parsed) return 0;
  const cxxopts::ParseResult& arguments = *parsed;

  const std::filesystem::path checkpoint = chosen_checkpoint(arguments);
  const std::string path = required(arguments, "data");
  if (arguments.count("out") > 0) check_output_path("out", arguments["out"].as<std::string>(), path);
  const std::vector<ModelReading> readings = chosen_readings(arguments, checkpoint);
  const bool recall = arguments.count("recall") > 0;
  if (recall) check_recall_folders(arguments["recall"].as<std::string>(), readings, path);
  if (arguments["max-tokens"].as<int64_t>() < 0) throw UserError("--max-tokens must be 0 (all) or more");
  if (arguments["window"].as<int64_t>() < 0) throw UserError("--window must be 0 (the whole document) or more");

  auto model = load_chosen_model(arguments, checkpoint);
  std::optional<RecallReport> report;
  if (recall) report = measure_recall(std::move(model), readings, arguments);
  const Perplexity result =
      report ? report->models.front().perplexity : read_documents(*model, readings.front(), arguments, nullptr);
  for (const std::string& line : warnings(result)) log::warn(line);

  nlohmann::json json = to_json(result);
  if (report) json["recall"] = to_json(*report);
  const std::string written = json.dump(2) + "\n";
  if (arguments.count("out") > 0) write_file(arguments["out"].as<std::string>(), written);
  const std::string text = to_text(result) + (report ? "\n" + to_text(*report) : "");
  std::cout << (arguments.count("json") > 0 ? written : text) << std::flush;
  return 0;
}

}  // namespace infini
