#include <cmath>
#include <iostream>
#include <optional>

#include "cli/commands.h"
#include "cli/model_options.h"
#include "cli/text_options.h"
#include "eval/evaluation_data.h"
#include "eval/perplexity.h"
#include "eval/perplexity_report.h"
#include "io/atomic_file.h"
#include "log/error.h"
#include "log/log.h"
#include "log/progress.h"

namespace infini {
namespace {

/// Shows progress in bytes of text, or in tokens if --max-tokens limits them. Shows none if neither total is known.
class EvaluationProgress {
 public:
  EvaluationProgress(int64_t bytes, int64_t max_tokens) : total_(max_tokens > 0 ? max_tokens : bytes) {
    by_tokens_ = max_tokens > 0;
    if (total_ > 0) progress_.emplace("eval", total_, by_tokens_ ? "tokens" : "bytes");
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

}  // namespace

int run_eval(int argc, char** argv) {
  cxxopts::Options options(
      "infini eval",
      "Streaming perplexity of a checkpoint over all tokens of all segments of whole documents: by token, by word, "
      "bits "
      "per byte, and by position in the document.\n\n"
      "Example: infini eval --checkpoint runs/quickstart/checkpoints/step-600 --data data/plays-tokens/test\n");
  add_model_options(options);
  auto add = options.add_options();
  add("data", "a split of a prepared data folder, or text: .txt or .jsonl (also .gz, .zst), or a folder of them",
      cxxopts::value<std::string>(), "PATH");
  add("no-memory", "empty the memory before every segment: attention is only local");
  add("max-tokens", "stop after that many; 0: read all", cxxopts::value<int64_t>()->default_value("0"), "N");
  add("json", "print JSON");
  add("out", "write the JSON to a file as well; infini report reads RUN/evaluation.json", cxxopts::value<std::string>(),
      "FILE");
  add_text_options(options);
  const auto parsed = parse_arguments(options, argc, argv);
  if (!parsed) return 0;
  const cxxopts::ParseResult& arguments = *parsed;

  const std::filesystem::path checkpoint = chosen_checkpoint(arguments);
  const std::string path = required(arguments, "data");
  if (arguments.count("out") > 0) check_output_path("out", arguments["out"].as<std::string>(), path);
  PerplexityOptions choice;
  choice.score.memory = arguments.count("no-memory") == 0;
  choice.max_tokens = arguments["max-tokens"].as<int64_t>();
  if (choice.max_tokens < 0) throw UserError("--max-tokens must be 0 (all) or more");

  const auto model = load_chosen_model(arguments, checkpoint);
  const EvaluationData data =
      open_evaluation_data(path, checkpoint, model->config().vocab_size, text_reading(arguments));
  EvaluationProgress progress(data.bytes, choice.max_tokens);
  choice.on_progress = [&](const Perplexity& sofar) { progress.update(sofar); };
  const Perplexity result = [&] {
    try {
      return measure_perplexity(*model, data.next, choice);
    } catch (const BrokenRecord& error) {
      throw with_advice(error);
    }
  }();
  progress.finish();
  for (const std::string& line : warnings(result)) log::warn(line);

  const std::string json = to_json(result).dump(2) + "\n";
  if (arguments.count("out") > 0) write_file(arguments["out"].as<std::string>(), json);
  std::cout << (arguments.count("json") > 0 ? json : to_text(result)) << std::flush;
  return 0;
}

}  // namespace infini
