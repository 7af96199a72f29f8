#include "train/run_state.h"

#include <string>

#include "io/json_file.h"
#include "io/json_object.h"
#include "log/error.h"

namespace infini {
namespace {

namespace fs = std::filesystem;

constexpr const char* kState = "state.json";
constexpr const char* kOptimizer = "optimizer.safetensors";
constexpr const char* kRandom = "random.safetensors";
constexpr const char* kCarried = "carried.safetensors";

fs::path trainer_folder(const fs::path& checkpoint) { return checkpoint / "trainer"; }

}  // namespace

void write_run_state(const fs::path& checkpoint, const RunState& state) {
  const fs::path folder = trainer_folder(checkpoint);
  fs::create_directories(folder);
  write_safetensors(folder / kOptimizer, state.optimizer);
  write_safetensors(folder / kRandom, state.random);
  if (!state.carried.empty()) write_safetensors(folder / kCarried, state.carried);
  write_json(folder / kState, {{"step", state.step},
                               {"tokens", state.tokens},
                               {"skipped_steps", state.skipped_steps},
                               {"skipped_in_a_row", state.skipped_in_a_row},
                               {"seed", state.seed},
                               {"threads", state.threads},
                               {"next_learning_rate", state.next_learning_rate},
                               {"objective", state.objective},
                               {"early_stop", state.early_stop},
                               {"unvalidated_step", state.unvalidated_step}});
}

RunState read_run_state(const fs::path& checkpoint) {
  const fs::path folder = trainer_folder(checkpoint), file = folder / kState;
  if (!fs::exists(file)) {
    throw UserError(checkpoint.string() + ": holds no state of a run (trainer/state.json); to train on from its " +
                    "weights alone, begin a new run with initial_checkpoint: " + checkpoint.string());
  }
  const nlohmann::json content = read_json(file);
  const JsonObject json(content, file.string());
  RunState state;
  state.step = json.get<int64_t>("step");
  state.tokens = json.get<int64_t>("tokens");
  state.skipped_steps = json.get<int64_t>("skipped_steps");
  state.skipped_in_a_row = json.get<int64_t>("skipped_in_a_row");
  state.seed = json.get<uint64_t>("seed");
  state.threads = json.get<int64_t>("threads");
  state.next_learning_rate = json.get<double>("next_learning_rate");
  state.objective = json.at("objective");
  state.early_stop = json.at("early_stop");
  if (json.has("unvalidated_step")) state.unvalidated_step = json.at("unvalidated_step");
  state.optimizer = read_safetensors(folder / kOptimizer);
  state.random = read_safetensors(folder / kRandom);
  if (fs::exists(folder / kCarried)) state.carried = read_safetensors(folder / kCarried);
  return state;
}

}  // namespace infini
