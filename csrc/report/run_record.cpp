#include "report/run_record.h"

#include <yaml-cpp/yaml.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "io/run_checkpoints.h"
#include "log/error.h"
#include "report/parameter_count.h"

namespace infini::report {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// The text of a file, or nothing if there is none.
std::optional<std::string> read_text(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return std::nullopt;
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

/// A key's number; nothing if the key is absent or null (JSON's way to write NaN).
std::optional<double> number(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

int64_t integer(const json& object, const char* key) { return static_cast<int64_t>(number(object, key).value_or(0)); }

RecordedStep step_metrics(const json& line) {
  RecordedStep metrics;
  metrics.step = line.at("step").get<int64_t>();
  metrics.tokens = line.at("tokens").get<int64_t>();
  metrics.loss = number(line, "loss");
  metrics.learning_rate = number(line, "learning_rate");
  metrics.gradient_norm = number(line, "gradient_norm");
  metrics.tokens_per_second = number(line, "tokens_per_second");
  metrics.padding_share = number(line, "padding_share");
  metrics.auxiliary_loss = number(line, "auxiliary_loss");
  metrics.answer_loss = number(line, "answer_loss");
  metrics.exact_match = number(line, "exact_match");
  metrics.peak_memory_bytes = integer(line, "peak_memory_bytes");
  metrics.skipped_steps = integer(line, "skipped_steps");
  metrics.readings = head_readings(line);
  if (const auto validation = line.find("validation"); validation != line.end() && validation->is_object()) {
    metrics.validation_loss = number(*validation, "loss");
  }
  return metrics;
}

void read_metrics(RunRecord& run) {
  const auto text = read_text(run.folder / "metrics.jsonl");
  if (!text) {
    run.notes.push_back("metrics.jsonl is missing: no training curves.");
    return;
  }
  std::map<int64_t, RecordedStep> steps;
  size_t begin = 0;
  for (int64_t line_number = 1; begin < text->size(); ++line_number) {
    const size_t end = text->find('\n', begin);
    const auto line = std::string_view(*text).substr(begin, end - begin);
    try {
      const RecordedStep metrics = step_metrics(json::parse(line));
      steps[metrics.step] = metrics;
    } catch (const json::exception&) {
      // A running trainer may be in the middle of its last line, which needs no note.
      const bool still_being_written = end == std::string::npos;
      if (!still_being_written && !line.empty()) {
        run.notes.push_back("metrics.jsonl, line " + std::to_string(line_number) +
                            ": not the JSON of a step; left out.");
      }
    }
    if (end == std::string::npos) break;
    begin = end + 1;
  }
  for (auto& [step, metrics] : steps) run.steps.push_back(std::move(metrics));
  if (run.steps.empty()) run.notes.push_back("metrics.jsonl has no step yet: no training curves.");
}

/// `without` names what the report lacks if the file is missing or damaged.
std::optional<Evaluation> read_evaluation(RunRecord& run, const std::string& file, const std::string& without) {
  const auto text = read_text(run.folder / file);
  if (!text) {
    run.notes.push_back(file + " is missing: no " + without + "; infini eval makes it, with --out.");
    return std::nullopt;
  }
  try {
    const json document = json::parse(*text);
    Evaluation evaluation;
    evaluation.perplexity = document.at("perplexity").get<double>();
    evaluation.word_perplexity = number(document, "word_perplexity");
    evaluation.bits_per_byte = number(document, "bits_per_byte");
    evaluation.loss_standard_error = number(document, "loss_standard_error");
    evaluation.tokens_per_second = number(document, "tokens_per_second");
    for (const auto& read : document.value("documents_read", json::array())) {
      evaluation.documents_read.push_back({read.at("name"), read.at("tokens"), read.at("nats")});
    }
    evaluation.tokens = integer(document, "tokens");
    evaluation.documents = integer(document, "documents");
    evaluation.unknown_tokens = integer(document, "unknown_tokens");
    for (const auto& position : document.value("positions", json::array())) {
      // A range of positions that no document reaches has no loss.
      if (const auto loss = number(position, "loss")) {
        evaluation.positions.push_back({integer(position, "from"), integer(position, "to"), *loss});
      }
    }
    return evaluation;
  } catch (const json::exception& error) {
    run.notes.push_back(file + " cannot be read: no " + without + " (" + error.what() + ").");
    return std::nullopt;
  }
}

ModelSummary model_summary(const json& config) {
  ModelSummary model;
  model.vocab_size = integer(config, "vocab_size");
  model.layers = integer(config, "num_hidden_layers");
  model.width = integer(config, "hidden_size");
  model.heads = integer(config, "num_attention_heads");
  model.key_value_heads = config.contains("num_key_value_heads") ? integer(config, "num_key_value_heads") : model.heads;
  model.update = "full";
  if (const auto infini = config.find("infini"); infini != config.end() && infini->is_object()) {
    model.segment_length = integer(*infini, "segment_length");
    model.update = infini->value("update", infini->value("kind", "none"));
    if (model.segment_length == 0) model.update = "full";
  }
  return model;
}

void read_checkpoint_summary(RunRecord& run) {
  const std::map<int64_t, fs::path> checkpoints = checkpoints_in(run.folder / "checkpoints");
  if (checkpoints.empty()) {
    run.notes.push_back("checkpoints/ has no step-N yet: the model and its parameter count are unknown.");
    return;
  }
  run.checkpoint = checkpoints.rbegin()->second;
  const std::string name = "checkpoints/" + run.checkpoint.filename().string();
  try {
    run.model = model_summary(json::parse(read_text(run.checkpoint / "config.json").value_or("")));
  } catch (const json::exception& error) {
    run.notes.push_back(name + "/config.json is missing or cannot be read: the model is unknown.");
  }
  try {
    run.parameters = count_parameters(run.checkpoint);
  } catch (const UserError& error) {
    run.notes.push_back(std::string("The parameters cannot be counted: ") + error.what() + ".");
  }
}

void read_best_checkpoint(RunRecord& run) {
  try {
    run.best = read_best(run.folder);
  } catch (const UserError& error) {
    run.notes.push_back(std::string("The best checkpoint is unknown: ") + error.what() + ".");
  }
}

void read_configuration(RunRecord& run) {
  const auto text = read_text(run.folder / "config.yaml");
  if (!text) {
    run.notes.push_back("config.yaml is missing: the run cannot be repeated from its folder.");
    return;
  }
  run.configuration = *text;
  try {
    const YAML::Node path = YAML::Load(*text)["data"]["path"];
    if (path.IsDefined()) run.data_path = path.as<std::string>();
  } catch (const YAML::Exception& error) {
    run.notes.push_back(std::string("config.yaml cannot be read: ") + error.what() + ".");
  }
}

}  // namespace

RunRecord read_run(const fs::path& folder) {
  RunRecord run;
  run.folder = folder.lexically_normal();
  if (!run.folder.has_filename()) run.folder = run.folder.parent_path();
  if (!fs::is_directory(run.folder)) {
    throw UserError(folder.string() + " is not a folder; give the folder of a run, such as runs/quickstart");
  }
  const bool is_run = fs::exists(run.folder / "config.yaml") || fs::exists(run.folder / "metrics.jsonl") ||
                      fs::exists(run.folder / "evaluation.json");
  if (!is_run) {
    throw UserError(folder.string() + " is not the folder of a run: it has no config.yaml, metrics.jsonl or " +
                    "evaluation.json; give one that `infini train` wrote, such as runs/quickstart");
  }
  run.name = fs::canonical(run.folder).filename().string();

  read_configuration(run);
  read_metrics(run);
  read_checkpoint_summary(run);
  read_best_checkpoint(run);
  run.needles = read_needle_grids(run.folder, run.notes);
  run.memory = read_memory(run.folder, run.notes);
  // A run that learnt a task has no text for an evaluation.
  const bool is_evaluated_otherwise = !run.needles.empty() && !fs::exists(run.folder / "evaluation.json");
  if (!is_evaluated_otherwise) run.evaluation = read_evaluation(run, "evaluation.json", "test perplexity");
  if (run.model && run.model->has_memory() && !is_evaluated_otherwise) {
    run.evaluation_without_memory = read_evaluation(run, "evaluation-no-memory.json", "perplexity with the memory off");
  }
  run.recall = read_recall(run.folder, run.notes);
  run.sample = read_text(run.folder / "sample.txt").value_or("");
  return run;
}

}  // namespace infini::report
