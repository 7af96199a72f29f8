#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <memory>

#include "checkpoint/safetensors.h"
#include "model/causal_language_model.h"

namespace infini {

/// Loads the model of a checkpoint folder. Its parameters are in `parameter_dtype` (float32 or float64) on `device`,
/// and it computes in that dtype. A Llama checkpoint to whose config a memory was added has no memory_gate: β is then
/// `initial_beta`, with a warning. Throws a UserError that names folder and tensor if a tensor is missing, unexpected,
/// not floating, not finite, or of another shape than config.json says.
std::shared_ptr<CausalLanguageModel> load_model(const std::filesystem::path& checkpoint_folder, torch::Device device,
                                                torch::Dtype parameter_dtype, double initial_beta = 0.0);

/// Sets the parameters of `model` to `weights`. `folder` is named in messages. Throws as load_model does, but compares
/// with the model's own config instead of config.json.
void set_model_weights(CausalLanguageModel& model, const NamedTensors& weights, const std::filesystem::path& folder,
                       double initial_beta = 0.0);

/// The parameters by their names in a checkpoint. They share storage with the model.
NamedTensors model_weights(const CausalLanguageModel& model);

}  // namespace infini
