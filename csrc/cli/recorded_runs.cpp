#include "cli/recorded_runs.h"

#include <filesystem>

#include "config/load_train_config.h"
#include "io/json_file.h"
#include "log/error.h"
#include "model/measured_state.h"
#include "model/memory_accounting.h"
#include "model/paper_perplexity.h"

namespace infini {
namespace {

void add_what_the_model_knows(report::RunRecord& run) {
  if (run.checkpoint.empty()) return;
  const std::filesystem::path file = run.checkpoint / "config.json";
  const ModelConfig model = model_config_from_json(read_json(file), file.string());
  const int64_t train_length = load_train_config(run.folder / "config.yaml", {}).train_length;
  if (const auto paper = paper_perplexity(model, train_length)) {
    run.paper = {std::string(paper->model), paper->pg19, paper->arxiv_math};
  }
  if (model.memory.segment_length == 0) return;
  const int64_t segments = train_length / model.memory.segment_length;
  if (const auto memory = own_memory(model, segments)) {
    run.context_memory = {memory->memory_floats, memory->carried_floats, measure_state(model, segments).bytes};
  }
}

}  // namespace

std::vector<report::RunRecord> read_runs(const std::vector<std::string>& folders) {
  std::vector<report::RunRecord> runs;
  for (const std::string& folder : folders) {
    runs.push_back(report::read_run(folder));
    try {
      add_what_the_model_knows(runs.back());
    } catch (const UserError& error) {
      runs.back().notes.push_back(std::string("The context memory is unknown: ") + error.what() + ".");
    }
  }
  return runs;
}

}  // namespace infini
