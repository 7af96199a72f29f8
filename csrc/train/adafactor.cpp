#include "train/adafactor.h"

#include <cmath>

namespace infini {
namespace {

constexpr double kSquareEpsilon = 1e-30;  // ε1
constexpr double kScaleEpsilon = 1e-3;    // ε2

std::vector<at::Scalar> root_of_sizes(const std::vector<torch::Tensor>& tensors) {
  std::vector<at::Scalar> roots;
  roots.reserve(tensors.size());
  for (const torch::Tensor& tensor : tensors) roots.emplace_back(std::sqrt(static_cast<double>(tensor.numel())));
  return roots;
}

/// One scalar per tensor, on its device.
std::vector<torch::Tensor> root_mean_squares(const std::vector<torch::Tensor>& tensors) {
  std::vector<torch::Tensor> norms = at::_foreach_norm(tensors, 2);
  at::_foreach_div_(norms, root_of_sizes(tensors));
  return norms;
}

}  // namespace

Adafactor::Adafactor(const std::vector<ParameterGroup>& groups, const OptimizerConfig& config)
    : Optimizer(groups), config_(config) {
  for (const ParameterGroup& group : this->groups()) {
    std::vector<SecondMoment> moments;
    for (const torch::Tensor& parameter : group.parameters) {
      const torch::Tensor zeros = torch::zeros_like(parameter);
      SecondMoment moment;
      if (parameter.dim() >= 2) {
        moment.row = zeros.select(-1, 0).clone();
        moment.column = zeros.select(-2, 0).clone();
      } else {
        moment.full = zeros;
      }
      moments.push_back(std::move(moment));
    }
    moments_.push_back(std::move(moments));
  }
}

void Adafactor::update(double rate_fraction) {
  const double new_share = std::pow(static_cast<double>(updates()), -config_.decay_exponent);  // 1 − β2
  for (size_t i = 0; i < groups().size(); ++i) {
    const ParameterGroup& group = groups()[i];
    const std::vector<torch::Tensor> gradients = group.gradients();

    std::vector<torch::Tensor> changes;
    changes.reserve(gradients.size());
    for (size_t j = 0; j < gradients.size(); ++j) {
      SecondMoment& moment = moments_[i][j];
      const torch::Tensor square = gradients[j].square().add_(kSquareEpsilon);
      if (moment.factored()) {
        moment.row.lerp_(square.mean(-1), new_share);
        moment.column.lerp_(square.mean(-2), new_share);
        const torch::Tensor row_scale = (moment.row / moment.row.mean(-1, /*keepdim=*/true)).rsqrt_();
        changes.push_back(gradients[j].mul(row_scale.unsqueeze(-1)).mul_(moment.column.rsqrt().unsqueeze(-2)));
      } else {
        moment.full.lerp_(square, new_share);
        changes.push_back(moment.full.rsqrt().mul_(gradients[j]));
      }
    }

    std::vector<torch::Tensor> excess = root_mean_squares(changes);
    at::_foreach_div_(excess, config_.clipping_threshold);
    at::_foreach_clamp_min_(excess, 1.0);
    at::_foreach_div_(changes, excess);

    const double rate = group.learning_rate * rate_fraction;
    if (config_.scale_parameter && !group.own_rate) {
      std::vector<torch::Tensor> scales = root_mean_squares(group.parameters);
      at::_foreach_clamp_min_(scales, kScaleEpsilon);
      at::_foreach_mul_(changes, scales);
      at::_foreach_mul_(scales, -rate * group.weight_decay);
      at::_foreach_add_(scales, 1.0);
      if (group.weight_decay != 0) at::_foreach_mul_(group.parameters, scales);
    } else if (group.weight_decay != 0) {
      at::_foreach_mul_(group.parameters, 1.0 - rate * group.weight_decay);
    }
    at::_foreach_add_(group.parameters, changes, -rate);
  }
}

NamedTensors Adafactor::moments() const {
  NamedTensors named;
  for (size_t i = 0; i < groups().size(); ++i) {
    for (size_t j = 0; j < groups()[i].names.size(); ++j) {
      const SecondMoment& moment = moments_[i][j];
      const std::string& name = groups()[i].names[j];
      if (moment.factored()) {
        named["row_second_moment." + name] = moment.row;
        named["column_second_moment." + name] = moment.column;
      } else {
        named["second_moment." + name] = moment.full;
      }
    }
  }
  return named;
}

}  // namespace infini
