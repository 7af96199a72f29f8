#include "train/training_state.h"

#include <mutex>
#include <string>
#include <vector>

#include "io/json_file.h"
#include "log/error.h"

namespace infini {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kRanks = 1;

std::vector<std::pair<std::string, torch::Device>> generators_of(torch::Device device) {
  std::vector<std::pair<std::string, torch::Device>> generators{{"cpu", torch::kCPU}};
  if (device.is_cuda()) generators.emplace_back("cuda", device);
  return generators;
}

NamedTensors named(const MemoryState& state) {
  NamedTensors tensors;
  for (size_t layer = 0; layer < state.memory.size(); ++layer) {
    tensors["layers." + std::to_string(layer) + ".memory"] = state.memory[layer];
    tensors["layers." + std::to_string(layer) + ".norm"] = state.norm[layer];
  }
  return tensors;
}

MemoryState memory_state(const NamedTensors& tensors) {
  MemoryState state;
  for (size_t layer = 0; 2 * layer < tensors.size(); ++layer) {
    state.memory.push_back(tensors.at("layers." + std::to_string(layer) + ".memory"));
    state.norm.push_back(tensors.at("layers." + std::to_string(layer) + ".norm"));
  }
  return state;
}

fs::path rank_folder(const fs::path& checkpoint) { return checkpoint / "trainer" / "rank-0"; }

}  // namespace

void write_training_state(const fs::path& checkpoint, const TrainingState& state) {
  const fs::path folder = rank_folder(checkpoint);
  fs::create_directories(folder);
  write_safetensors(folder / "optimizer.safetensors", state.optimizer);
  write_safetensors(folder / "random.safetensors", state.random);
  if (!state.carried.memory.empty()) write_safetensors(folder / "memory.safetensors", named(state.carried));
  write_json(folder / "state.json", {{"step", state.step},
                                     {"tokens", state.tokens},
                                     {"skipped_steps", state.skipped_steps},
                                     {"skipped_in_a_row", state.skipped_in_a_row},
                                     {"seed", state.seed},
                                     {"threads", state.threads},
                                     {"ranks", kRanks},
                                     {"data", state.data_position},
                                     {"curriculum", state.curriculum},
                                     {"early_stop", state.early_stop}});
}

TrainingState read_training_state(const fs::path& checkpoint) {
  const fs::path folder = rank_folder(checkpoint);
  const fs::path file = folder / "state.json";
  if (!fs::exists(file)) {
    throw UserError(checkpoint.string() +
                    ": holds no training state (trainer/rank-0/state.json); to train on from its " +
                    "weights alone, begin a new run with initial_checkpoint: " + checkpoint.string());
  }
  const nlohmann::json json = read_json(file);
  TrainingState state;
  try {
    if (const int64_t ranks = json.at("ranks"); ranks != kRanks) {
      throw UserError(file.string() + ": was written by " + std::to_string(ranks) +
                      " ranks; this run has 1: resume with as many");
    }
    state.step = json.at("step");
    state.tokens = json.at("tokens");
    state.skipped_steps = json.at("skipped_steps");
    state.skipped_in_a_row = json.at("skipped_in_a_row");
    state.seed = json.at("seed");
    state.threads = json.at("threads");
    state.data_position = json.at("data");
    state.curriculum = json.at("curriculum");
    state.early_stop = json.at("early_stop");
  } catch (const nlohmann::json::exception& error) {
    throw UserError(file.string() + ": is no training state (" + error.what() + ")");
  }
  state.optimizer = read_safetensors(folder / "optimizer.safetensors");
  state.random = read_safetensors(folder / "random.safetensors");
  if (fs::exists(folder / "memory.safetensors")) {
    state.carried = memory_state(read_safetensors(folder / "memory.safetensors"));
  }
  return state;
}

NamedTensors random_state(torch::Device device) {
  NamedTensors state;
  for (const auto& [name, place] : generators_of(device)) {
    at::Generator generator = at::globalContext().defaultGenerator(place);
    const std::scoped_lock lock(generator.mutex());
    state[name] = generator.get_state();
  }
  return state;
}

void set_random_state(const NamedTensors& state, torch::Device device) {
  for (const auto& [name, place] : generators_of(device)) {
    const auto saved = state.find(name);
    if (saved == state.end()) continue;  // the run moved to another kind of device, whose numbers differ anyway
    at::Generator generator = at::globalContext().defaultGenerator(place);
    const std::scoped_lock lock(generator.mutex());
    generator.set_state(saved->second);
  }
}

}  // namespace infini
