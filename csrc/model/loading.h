#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <memory>

#include "checkpoint/safetensors.h"
#include "model/causal_language_model.h"

namespace infini {

/// The model of a checkpoint folder, its parameters in `parameter_dtype` (float32 or float64) on `device`, computing in
/// that dtype. A Llama checkpoint whose config was given a memory has no memory_gate: β is then `initial_beta`, with a
/// warning. Throws UserError that names folder and tensor where one is missing, unexpected, of another shape than
/// config.json says, not floating, or not finite.
std::shared_ptr<CausalLanguageModel> load_model(const std::filesystem::path& checkpoint_folder, torch::Device device,
                                                torch::Dtype parameter_dtype, double initial_beta = 0.0);

/// Sets the parameters of `model` to `weights`, which came from `folder` (for messages). Throws as load_model does,
/// with the model's own config in config.json's place.
void set_model_weights(CausalLanguageModel& model, const NamedTensors& weights, const std::filesystem::path& folder,
                       double initial_beta = 0.0);

/// The parameters by their names in a checkpoint, sharing storage with the model.
NamedTensors model_weights(const CausalLanguageModel& model);

}  // namespace infini
