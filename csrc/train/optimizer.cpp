#include "train/optimizer.h"

#include <string_view>

#include "log/error.h"
#include "train/adafactor.h"
#include "train/adamw.h"

namespace infini {

std::vector<torch::Tensor> ParameterGroup::gradients() const {
  std::vector<torch::Tensor> gradients;
  gradients.reserve(parameters.size());
  for (const torch::Tensor& parameter : parameters) gradients.push_back(parameter.grad());
  return gradients;
}

std::vector<ParameterGroup> parameter_groups(const torch::nn::Module& model, double weight_decay) {
  ParameterGroup matrices, vectors, gates;
  matrices.weight_decay = weight_decay;
  gates.gates = true;
  for (const auto& item : model.named_parameters()) {
    const bool is_gate = std::string_view(item.key()).ends_with("memory_gate");
    ParameterGroup& group = is_gate ? gates : item.value().dim() >= 2 ? matrices : vectors;
    group.names.push_back(item.key());
    group.parameters.push_back(item.value());
  }
  std::vector<ParameterGroup> groups;
  for (ParameterGroup* group : {&matrices, &vectors, &gates}) {
    if (!group->parameters.empty()) groups.push_back(std::move(*group));
  }
  return groups;
}

Optimizer::Optimizer(std::vector<ParameterGroup> groups) : groups_(std::move(groups)) {}

void Optimizer::step(const LearningRates& rates) {
  const torch::NoGradGuard no_graph;
  ++updates_;
  update(rates);
}

NamedTensors Optimizer::state() const {
  NamedTensors state = moments();
  state["updates"] = torch::tensor(updates_, torch::kInt64);
  return state;
}

void Optimizer::load_state(const NamedTensors& state, const std::string& where) {
  const torch::NoGradGuard no_graph;
  const auto find = [&](const std::string& name) {
    const auto found = state.find(name);
    if (found == state.end()) {
      throw UserError(where + ": has no '" + name +
                      "'; it was written by another optimizer or for another model: resume with the same ones");
    }
    return found->second;
  };
  for (auto& [name, moment] : moments()) {
    const torch::Tensor saved = find(name);
    if (saved.sizes() != moment.sizes()) {
      throw UserError(where + ": '" + name + "' has shape " + c10::str(saved.sizes()) + ", expected " +
                      c10::str(moment.sizes()));
    }
    moment.copy_(saved);
  }
  updates_ = *find("updates").to(torch::kCPU).const_data_ptr<int64_t>();
}

void zero_gradients(const torch::nn::Module& model) {
  for (torch::Tensor& parameter : model.parameters()) {
    if (!parameter.grad().defined()) parameter.mutable_grad() = torch::zeros_like(parameter);
  }
  at::_foreach_zero_(gradients(model));
}

std::vector<torch::Tensor> gradients(const torch::nn::Module& model) {
  std::vector<torch::Tensor> gradients;
  for (const torch::Tensor& parameter : model.parameters()) gradients.push_back(parameter.grad());
  return gradients;
}

std::unique_ptr<Optimizer> make_optimizer(const torch::nn::Module& model, const OptimizerConfig& config) {
  std::vector<ParameterGroup> groups = parameter_groups(model, config.weight_decay);
  if (config.name == "adamw") return std::make_unique<AdamW>(std::move(groups), config);
  if (config.name == "adafactor") return std::make_unique<Adafactor>(std::move(groups), config);
  throw UserError("optimizer.name is '" + config.name + "'; it must be adamw or adafactor");
}

}  // namespace infini
