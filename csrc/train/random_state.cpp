#include "train/random_state.h"

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace infini {
namespace {

std::vector<std::pair<std::string, torch::Device>> generators_of(torch::Device device) {
  std::vector<std::pair<std::string, torch::Device>> generators{{"cpu", torch::kCPU}};
  if (device.is_cuda()) generators.emplace_back("cuda", device);
  return generators;
}

}  // namespace

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
    if (saved == state.end()) continue;  // another kind of device now: its random numbers differ anyway
    at::Generator generator = at::globalContext().defaultGenerator(place);
    const std::scoped_lock lock(generator.mutex());
    generator.set_state(saved->second);
  }
}

}  // namespace infini
