#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "checkpoint/safetensors.h"
#include "train/train_config.h"

namespace infini {

/// Parameters that are treated alike.
struct ParameterGroup {
  std::vector<std::string> names;
  std::vector<torch::Tensor> parameters;
  double weight_decay = 0.0;
  bool gates = false;  ///< the β: their own learning rate

  /// The parameters' gradients, which must exist.
  std::vector<torch::Tensor> gradients() const;
};

/// Matrices with weight decay; norms and biases without; the gates (names that end in memory_gate) without, at their
/// own rate. Groups without a parameter are left out.
std::vector<ParameterGroup> parameter_groups(const torch::nn::Module& model, double weight_decay);

struct LearningRates {
  double weights = 0.0;
  double gates = 0.0;
};

/// Changes parameters by their gradients. Every value stays on the device: a step waits for nothing.
class Optimizer {
 public:
  explicit Optimizer(std::vector<ParameterGroup> groups);
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  void step(const LearningRates& rates);

  /// What a checkpoint keeps: the moments by parameter name, and `updates`, the count of steps. Shares memory with the
  /// optimiser.
  NamedTensors state() const;
  /// Copies a state back. Throws UserError that names `where` if a tensor is missing or has another shape.
  void load_state(const NamedTensors& state, const std::string& where);

 protected:
  virtual void update(const LearningRates& rates) = 0;
  virtual NamedTensors moments() const = 0;

  const std::vector<ParameterGroup>& groups() const { return groups_; }
  /// Steps so far, the one under way included.
  int64_t updates() const { return updates_; }

 private:
  std::vector<ParameterGroup> groups_;
  int64_t updates_ = 0;
};

/// Gives every parameter a gradient of zeros, in place where there is one.
void zero_gradients(const torch::nn::Module& model);

/// The gradients of all parameters; run zero_gradients first.
std::vector<torch::Tensor> gradients(const torch::nn::Module& model);

/// The optimiser that the configuration names: adamw or adafactor.
std::unique_ptr<Optimizer> make_optimizer(const torch::nn::Module& model, const OptimizerConfig& config);

}  // namespace infini
