#include <cxxopts.hpp>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/memory_table.h"
#include "cli/model_options.h"
#include "cli/recorded_runs.h"
#include "config/load_train_config.h"
#include "io/json_file.h"
#include "log/error.h"
#include "report/perplexity_table.h"

namespace infini {
namespace {

namespace fs = std::filesystem;

/// The model whose memory is counted.
struct Subject {
  std::string name;
  ModelConfig model;
  int64_t length;  ///< tokens in a sequence
};

/// What the words of the command line name.
struct Named {
  std::optional<std::string> config;
  std::vector<std::string> runs;
};

bool is_run(const fs::path& path) { return fs::is_directory(path) && !fs::exists(path / "config.json"); }

Named sort_words(const cxxopts::ParseResult& arguments) {
  Named named;
  if (arguments.count("runs") > 0) named.runs = arguments["runs"].as<std::vector<std::string>>();
  if (arguments.count("words") == 0) return named;
  for (const std::string& word : arguments["words"].as<std::vector<std::string>>()) {
    if (is_run(word)) {
      named.runs.push_back(word);
    } else if (named.config) {
      throw UserError("'" + word + "' is a second configuration beside '" + *named.config +
                      "'; give one, and the folders of runs");
    } else {
      named.config = word;
    }
  }
  return named;
}

Subject subject_of(const std::optional<std::string>& config) {
  if (!config) return {"the paper's model", paper_model(), kPaperLength};
  const fs::path file = fs::is_directory(*config) ? fs::path(*config) / "config.json" : fs::path(*config);
  if (file.extension() != ".json") {
    const TrainConfig experiment = load_train_config(file, {});
    return {*config, experiment.model, experiment.train_length};
  }
  const ModelConfig model = model_config_from_json(read_json(file), file.string());
  return {*config, model, kPaperLength / paper_model().memory.segment_length * model.memory.segment_length};
}

void print_text(const Subject& subject, const MemoryTable& memory,
                const std::optional<report::PerplexityComparison>& perplexity,
                std::string (*text_of)(const report::Table&)) {
  std::cout << "Table 1: context memory of " << subject.name << ", " << model_in_words(memory) << "\n\n"
            << text_of(memory_numbers(memory)) << "\n"
            << text_of(memory_formulas(memory)) << "\n";
  for (const std::string& line : memory_legend(memory)) std::cout << line << "\n\n";
  if (!perplexity) return;
  std::cout << "Table 2: test perplexity, ± its standard error over documents\n\n"
            << text_of(report::perplexity_table(*perplexity)) << "\n"
            << report::kPerplexityLegend << "\n";
}

}  // namespace

int run_tables(int argc, char** argv) {
  cxxopts::Options options(
      "infini tables",
      "The tables of the paper. Table 1: how many floats each kind of context memory holds, and how far back it "
      "reaches,\nfor the model of a configuration (YAML, a checkpoint or its config.json), or else for the paper's. "
      "Table 2: the\nperplexities of finished runs, beside the paper's figures.\n");
  options.positional_help("[CONFIG] [RUN...]").custom_help("[OPTION...]");
  auto add = options.add_options();
  add("runs", "folders of runs, as RUN", cxxopts::value<std::vector<std::string>>(), "RUN,...");
  add("length", "tokens in a sequence of Table 1 (default: train_length; for a checkpoint, 16 segments)",
      cxxopts::value<int64_t>(), "N");
  add("json", "print JSON");
  add("markdown", "print tables in Markdown");
  add("csv", "print one table as CSV with all digits: Table 2 if runs are given, else Table 1");
  add("h,help", "print this");
  options.add_options("positional")("words", "", cxxopts::value<std::vector<std::string>>());
  options.parse_positional({"words"});
  const auto arguments = options.parse(argc, argv);
  if (arguments.count("help") > 0) {
    std::cout << options.help({""})
              << "\nExamples: infini tables configs/pg19.yaml\n"
                 "          infini tables runs/pg19_small-seed1 runs/pg19_small-seed2 runs/pg19_small_local-seed1\n"
                 "Runs whose names differ only in -seedN are one row. Every row is compared with the first.\n";
    return 0;
  }
  const size_t formats = arguments.count("json") + arguments.count("markdown") + arguments.count("csv");
  if (formats > 1) throw UserError("give only one of --json, --markdown and --csv");

  const Named named = sort_words(arguments);
  Subject subject = subject_of(named.config);
  if (arguments.count("length") > 0) subject.length = positive(arguments, "length");
  const MemoryTable memory = make_memory_table(subject.model, subject.length);
  std::optional<report::PerplexityComparison> perplexity;
  if (!named.runs.empty()) perplexity = report::compare_perplexities(read_runs(named.runs));

  if (arguments.count("json") > 0) {
    nlohmann::ordered_json json;
    json["table1"] = memory_json(memory);
    if (perplexity) {
      json["table2"] = perplexity_json(*perplexity);
      json["notes"] = perplexity->notes;
    }
    std::cout << json.dump(2) << "\n";
  } else if (arguments.count("csv") > 0) {
    std::cout << report::csv(perplexity ? perplexity_json(*perplexity) : memory_json(memory));
  } else {
    print_text(subject, memory, perplexity, arguments.count("markdown") > 0 ? report::markdown : report::aligned_text);
  }
  if (perplexity) {
    for (const std::string& note : perplexity->notes) std::cerr << "note: " << note << "\n";
  }
  return 0;
}

}  // namespace infini
