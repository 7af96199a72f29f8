#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "checkpoint/safetensors.h"
#include "train/train_config.h"

namespace infini {

/// The parameters to which one rule applies.
struct ParameterGroup {
  std::string match;  ///< the rule's pattern; "*" if no rule matches
  std::vector<std::string> names = {};
  std::vector<torch::Tensor> parameters = {};
  double learning_rate = 0.0;  ///< the full rate, before the schedule's factor
  bool own_rate = false;       ///< the rate is the rule's, not the optimiser's
  double weight_decay = 0.0;
  bool trainable = true;

  /// The gradients of the parameters. They must exist.
  std::vector<torch::Tensor> gradients() const;
  int64_t parameter_count() const;
};

/// Puts each parameter into the group of the first rule that matches its name. Turns requires_grad off for parameters
/// whose rule is not trainable. Leaves out groups without a parameter.
std::vector<ParameterGroup> parameter_groups(const torch::nn::Module& model, const OptimizerConfig& config,
                                             const std::vector<ParameterRule>& rules);

/// Updates parameters from their gradients. Every value stays on the device, so a step never waits for it.
class Optimizer {
 public:
  /// Keeps only the trainable groups. Throws UserError if there is none.
  explicit Optimizer(const std::vector<ParameterGroup>& groups);
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// `rate_fraction` is the factor on the full learning rate of each group in this step.
  void step(double rate_fraction);

  /// The state for a checkpoint: the moments by parameter name, and `updates`, the number of steps. Shares memory with
  /// the optimiser.
  NamedTensors state() const;
  /// Restores a state by copying. Throws a UserError that names `where` if a tensor is missing or has another shape.
  void load_state(const NamedTensors& state, const std::string& where);

 protected:
  virtual void update(double rate_fraction) = 0;
  virtual NamedTensors moments() const = 0;

  const std::vector<ParameterGroup>& groups() const { return groups_; }
  /// The number of steps so far, including the current one.
  int64_t updates() const { return updates_; }

 private:
  std::vector<ParameterGroup> groups_;
  int64_t updates_ = 0;
};

/// Sets the gradient of every trainable parameter to zero, in place if there is one already.
void zero_gradients(const torch::nn::Module& model);

/// The gradients of all trainable parameters. Call zero_gradients first.
std::vector<torch::Tensor> gradients(const torch::nn::Module& model);

/// The optimiser that the configuration names: adamw or adafactor.
std::unique_ptr<Optimizer> make_optimizer(const std::vector<ParameterGroup>& groups, const OptimizerConfig& config);

}  // namespace infini
