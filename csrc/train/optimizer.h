#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "checkpoint/safetensors.h"
#include "train/train_config.h"

namespace infini {

/// Parameters that one rule holds for.
struct ParameterGroup {
  std::string match;  ///< of the rule; "*" for those that no rule matches
  std::vector<std::string> names = {};
  std::vector<torch::Tensor> parameters = {};
  double learning_rate = 0.0;  ///< the full one, which the schedule scales
  bool own_rate = false;       ///< the rule's own, not the optimiser's
  double weight_decay = 0.0;
  bool trainable = true;

  /// The parameters' gradients, which must exist.
  std::vector<torch::Tensor> gradients() const;
  int64_t parameter_count() const;
};

/// Each parameter in the group of the first rule that matches its name. Parameters of rules that are not trainable no
/// longer ask for a gradient. Groups without a parameter are left out.
std::vector<ParameterGroup> parameter_groups(const torch::nn::Module& model, const OptimizerConfig& config,
                                             const std::vector<ParameterRule>& rules);

/// Changes parameters by their gradients. Every value stays on the device: a step waits for nothing.
class Optimizer {
 public:
  /// Keeps the groups that are trainable. Throws UserError if none is.
  explicit Optimizer(const std::vector<ParameterGroup>& groups);
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// `rate_fraction` is the share of its full learning rate that each group has in this step.
  void step(double rate_fraction);

  /// What a checkpoint keeps: the moments by parameter name, and `updates`, the count of steps. Shares memory with the
  /// optimiser.
  NamedTensors state() const;
  /// Copies a state back. Throws UserError that names `where` if a tensor is missing or has another shape.
  void load_state(const NamedTensors& state, const std::string& where);

 protected:
  virtual void update(double rate_fraction) = 0;
  virtual NamedTensors moments() const = 0;

  const std::vector<ParameterGroup>& groups() const { return groups_; }
  /// Steps so far, the one under way included.
  int64_t updates() const { return updates_; }

 private:
  std::vector<ParameterGroup> groups_;
  int64_t updates_ = 0;
};

/// Gives every trainable parameter a gradient of zeros, in place where there is one.
void zero_gradients(const torch::nn::Module& model);

/// The gradients of all trainable parameters; run zero_gradients first.
std::vector<torch::Tensor> gradients(const torch::nn::Module& model);

/// The optimiser that the configuration names: adamw or adafactor.
std::unique_ptr<Optimizer> make_optimizer(const std::vector<ParameterGroup>& groups, const OptimizerConfig& config);

}  // namespace infini
