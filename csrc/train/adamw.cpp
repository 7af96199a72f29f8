#include "train/adamw.h"

#include <torch/library.h>

namespace infini {
namespace {

/// For meta tensors ATen has the fused step only in Python. With this kernel a step on the meta device takes the same
/// path as on a CPU or GPU. It refuses tensors of another device, as the real kernels do.
void fused_adamw_meta(at::TensorList parameters, at::TensorList gradients, at::TensorList first_moments,
                      at::TensorList second_moments, at::TensorList /*max_second_moments*/, at::TensorList steps,
                      double /*rate*/, double /*beta1*/, double /*beta2*/, double /*weight_decay*/, double /*epsilon*/,
                      bool /*amsgrad*/, bool /*maximize*/, const std::optional<at::Tensor>& /*gradient_scale*/,
                      const std::optional<at::Tensor>& /*found_inf*/) {
  for (const at::TensorList list : {parameters, gradients, first_moments, second_moments, steps}) {
    TORCH_CHECK(list.size() == parameters.size(), "fused AdamW: lists must be of one length");
    for (const at::Tensor& tensor : list) {
      TORCH_CHECK(tensor.is_meta(), "fused AdamW: a tensor is on ", tensor.device(), ", the others on meta");
    }
  }
}

}  // namespace

TORCH_LIBRARY_IMPL(aten, Meta, library) { library.impl("_fused_adamw_", fused_adamw_meta); }

AdamW::AdamW(const std::vector<ParameterGroup>& groups, const OptimizerConfig& config)
    : Optimizer(groups), config_(config) {
  for (const ParameterGroup& group : this->groups()) {
    Moments moments;
    for (const torch::Tensor& parameter : group.parameters) {
      moments.first.push_back(torch::zeros_like(parameter));
      moments.second.push_back(torch::zeros_like(parameter));
    }
    moments_.push_back(std::move(moments));
  }
}

void AdamW::update(double rate_fraction) {
  for (size_t i = 0; i < groups().size(); ++i) {
    const ParameterGroup& group = groups()[i];
    // The kernel reads t from the device. All tensors share one t.
    const torch::Tensor step =
        torch::full({}, updates(), group.parameters.front().options().dtype(torch::kFloat32).requires_grad(false));
    at::_fused_adamw_(group.parameters, group.gradients(), moments_[i].first, moments_[i].second,
                      /*max_exp_avg_sqs=*/{}, std::vector<torch::Tensor>(group.parameters.size(), step),
                      group.learning_rate * rate_fraction, config_.beta1, config_.beta2, group.weight_decay,
                      config_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
  }
}

NamedTensors AdamW::moments() const {
  NamedTensors named;
  for (size_t i = 0; i < groups().size(); ++i) {
    for (size_t j = 0; j < groups()[i].names.size(); ++j) {
      named["first_moment." + groups()[i].names[j]] = moments_[i].first[j];
      named["second_moment." + groups()[i].names[j]] = moments_[i].second[j];
    }
  }
  return named;
}

}  // namespace infini
