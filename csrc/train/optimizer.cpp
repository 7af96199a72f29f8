#include "train/optimizer.h"

#include <fnmatch.h>

#include <algorithm>

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

int64_t ParameterGroup::parameter_count() const {
  int64_t count = 0;
  for (const torch::Tensor& parameter : parameters) count += parameter.numel();
  return count;
}

std::vector<ParameterGroup> parameter_groups(const torch::nn::Module& model, const OptimizerConfig& config,
                                             const std::vector<ParameterRule>& rules) {
  std::vector<ParameterRule> all = rules;
  all.push_back({.match = "*"});
  std::vector<ParameterGroup> groups;
  for (const ParameterRule& rule : all) {
    groups.push_back({.match = rule.match,
                      .learning_rate = rule.learning_rate.value_or(config.learning_rate),
                      .own_rate = rule.learning_rate.has_value(),
                      .weight_decay = rule.weight_decay.value_or(config.weight_decay),
                      .trainable = rule.trainable});
  }
  for (const auto& item : model.named_parameters()) {
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const ParameterGroup& candidate) {
      return fnmatch(candidate.match.c_str(), item.key().c_str(), 0) == 0;
    });
    group->names.push_back(item.key());
    group->parameters.push_back(item.value());
    group->parameters.back().requires_grad_(group->trainable);
  }
  std::erase_if(groups, [](const ParameterGroup& group) { return group.parameters.empty(); });
  return groups;
}

Optimizer::Optimizer(const std::vector<ParameterGroup>& groups) {
  std::copy_if(groups.begin(), groups.end(), std::back_inserter(groups_),
               [](const ParameterGroup& group) { return group.trainable; });
  if (groups_.empty()) throw UserError("parameters: no parameter of the model is trainable; set one rule to true");
}

void Optimizer::step(double rate_fraction) {
  const torch::NoGradGuard no_graph;
  ++updates_;
  update(rate_fraction);
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
      throw UserError(
          where + ": has no '" + name +
          "'; it was written by another optimizer, for another model, or while a rule of parameters kept it frozen: "
          "resume with the same ones");
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
    if (!parameter.requires_grad()) continue;
    if (!parameter.grad().defined()) parameter.mutable_grad() = torch::zeros_like(parameter);
  }
  at::_foreach_zero_(gradients(model));
}

std::vector<torch::Tensor> gradients(const torch::nn::Module& model) {
  std::vector<torch::Tensor> gradients;
  for (const torch::Tensor& parameter : model.parameters()) {
    if (parameter.requires_grad()) gradients.push_back(parameter.grad());
  }
  return gradients;
}

std::unique_ptr<Optimizer> make_optimizer(const std::vector<ParameterGroup>& groups, const OptimizerConfig& config) {
  if (config.name == "adamw") return std::make_unique<AdamW>(groups, config);
  if (config.name == "adafactor") return std::make_unique<Adafactor>(groups, config);
  throw UserError("optimizer.name is '" + config.name + "'; it must be adamw or adafactor");
}

}  // namespace infini
