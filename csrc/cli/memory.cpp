#include <iostream>
#include <optional>

#include "cli/commands.h"
#include "cli/model_options.h"
#include "cli/text_options.h"
#include "eval/evaluation_data.h"
#include "eval/memory_report.h"
#include "io/atomic_file.h"
#include "log/error.h"
#include "log/progress.h"

namespace infini {
namespace {

int64_t limit(const cxxopts::ParseResult& arguments, const std::string& option) {
  const auto value = arguments[option].as<int64_t>();
  if (value < 0) throw UserError("--" + option + " must be 0 (all) or more, but is " + std::to_string(value));
  return value;
}

}  // namespace

int run_memory(int argc, char** argv) {
  cxxopts::Options options("infini memory",
                           "What the memory of a checkpoint holds after 1, 2, 4, 8, ... segments of whole documents: "
                           "how much of it is read, "
                           "whether it still returns what was written last, how many directions it uses, how it grows. "
                           "docs/memory_readings.md says what each number means.\n\n"
                           "Example: infini memory --checkpoint runs/quickstart --data data/plays-tokens/test "
                           "--out runs/quickstart/memory.json\n");
  add_model_options(options);
  add_data_option(options);
  auto add = options.add_options();
  add("max-documents", "stop after that many; 0: read all", cxxopts::value<int64_t>()->default_value("0"), "N");
  add("max-segments", "read only so many of each document; 0: all", cxxopts::value<int64_t>()->default_value("0"), "N");
  add("json", "print JSON, which has every head");
  add("out", "write the JSON to a file as well; infini report draws RUN/memory.json", cxxopts::value<std::string>(),
      "FILE");
  add_text_options(options);
  const auto parsed = parse_arguments(options, argc, argv);
  if (!parsed) return 0;
  const cxxopts::ParseResult& arguments = *parsed;

  const std::filesystem::path checkpoint = chosen_checkpoint(arguments);
  const std::string path = required(arguments, "data");
  if (arguments.count("out") > 0) check_output_path("out", arguments["out"].as<std::string>(), path);
  MemoryReportOptions choice{.max_documents = limit(arguments, "max-documents"),
                             .max_segments = limit(arguments, "max-segments")};

  const auto model = load_chosen_model(arguments, checkpoint);
  const EvaluationData data =
      open_evaluation_data(path, checkpoint, model->config().vocab_size, text_reading(arguments));
  std::optional<Progress> progress;
  if (choice.max_documents > 0) progress.emplace("memory", choice.max_documents, "documents");
  choice.on_document = [&](const MemoryReport& sofar) {
    if (progress) progress->update(sofar.documents);
  };
  const MemoryReport report = [&] {
    try {
      return report_memory(*model, data.next, choice);
    } catch (const BrokenRecord& error) {
      throw with_advice(error);
    }
  }();
  if (progress) progress->finish();

  const std::string json = to_json(report).dump(2) + "\n";
  if (arguments.count("out") > 0) write_file(arguments["out"].as<std::string>(), json);
  std::cout << (arguments.count("json") > 0 ? json : to_text(report)) << std::flush;
  return 0;
}

}  // namespace infini
