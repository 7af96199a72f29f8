#include "train/run_state.h"

#include <string>

#include "io/json_file.h"
#include "log/error.h"

namespace infini {
namespace {

namespace fs = std::filesystem;

constexpr const char* kState = "state.json";
constexpr const char* kOptimizer = "optimizer.safetensors";
constexpr const char* kRandom = "random.safetensors";
constexpr const char* kCarried = "memory.safetensors";

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
                               {"early_stop", state.early_stop}});
}

RunState read_run_state(const fs::path& checkpoint) {
  const fs::path folder = trainer_folder(checkpoint), file = folder / kState;
  if (!fs::exists(file)) {
    throw UserError(checkpoint.string() + ": holds no state of a run (trainer/state.json); to train on from its " +
                    "weights alone, begin a new run with initial_checkpoint: " + checkpoint.string());
  }
  const nlohmann::json json = read_json(file);
  RunState state;
  try {
    json.at("step").get_to(state.step);
    json.at("tokens").get_to(state.tokens);
    json.at("skipped_steps").get_to(state.skipped_steps);
    json.at("skipped_in_a_row").get_to(state.skipped_in_a_row);
    json.at("seed").get_to(state.seed);
    json.at("threads").get_to(state.threads);
    json.at("next_learning_rate").get_to(state.next_learning_rate);
    state.objective = json.at("objective");
    state.early_stop = json.at("early_stop");
  } catch (const nlohmann::json::exception& error) {
    throw UserError(file.string() + ": is no state of a run (" + error.what() + "); resume from another checkpoint");
  }
  state.optimizer = read_safetensors(folder / kOptimizer);
  state.random = read_safetensors(folder / kRandom);
  if (fs::exists(folder / kCarried)) state.carried = read_safetensors(folder / kCarried);
  return state;
}

}  // namespace infini
