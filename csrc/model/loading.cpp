#include "model/loading.h"

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "log/error.h"
#include "log/log.h"
#include "model/memory_kinds.h"
#include "model/routed_block.h"

namespace infini {

using torch::Tensor;

namespace {

constexpr const char* kEmbedding = "model.embed_tokens.weight";
constexpr const char* kHead = "lm_head.weight";

template <class... Parts>
std::string joined(const Parts&... parts) {
  std::ostringstream line;
  (line << ... << parts);
  return line.str();
}

void check(const std::string& name, const Tensor& tensor, const Tensor& parameter, const std::string& folder) {
  if (tensor.sizes() != parameter.sizes()) {
    throw UserError(joined(folder, ": tensor ", name, " has the shape ", tensor.sizes(),
                           ", but a model of this config needs ", parameter.sizes(),
                           "; use the config.json the weights were trained with"));
  }
  if (!tensor.is_floating_point()) {
    throw UserError(joined(folder, ": tensor ", name, " has the dtype ", tensor.scalar_type(),
                           "; weights must be float64, float32, bfloat16 or float16"));
  }
  if (!tensor.isfinite().all().item<bool>()) {
    throw UserError(
        joined(folder, ": tensor ", name, " holds NaN or infinite values; take an earlier checkpoint of this model"));
  }
}

// Tensors that a checkpoint may hold in addition to the model's own parameters.
void check_surplus(const std::string& name, const NamedTensors& weights, const ModelConfig& config,
                   const std::string& folder) {
  if (name.ends_with("self_attn.rotary_emb.inv_freq")) return;  // old Llama checkpoints; computed from rope_theta here
  if (std::ranges::any_of(memory_kinds(), [&](const MemoryKind& kind) { return is_own_parameter(kind, name); })) return;
  if (is_routing_parameter(name)) return;
  if (name == kHead && config.tie_word_embeddings) {
    if (weights.contains(kEmbedding) && torch::equal(weights.at(kHead), weights.at(kEmbedding))) return;
    throw UserError(joined(folder, ": tensor ", kHead, " differs from ", kEmbedding,
                           ", but config.json ties the two; set tie_word_embeddings to false there"));
  }
  throw UserError(
      joined(folder, ": unexpected tensor ", name, "; no parameter of a model of this config has that name"));
}

}  // namespace

std::shared_ptr<CausalLanguageModel> load_model(const std::filesystem::path& checkpoint_folder, torch::Device device,
                                                torch::Dtype parameter_dtype, double initial_beta) {
  const CheckpointFiles files = read_checkpoint(checkpoint_folder);
  const ModelConfig config = model_config_from_json(files.config, (checkpoint_folder / "config.json").string());
  auto model = CausalLanguageModel::uninitialized(config, torch::dtype(parameter_dtype).device(device));
  model->set_compute_dtype(parameter_dtype);
  set_model_weights(*model, files.weights, checkpoint_folder, initial_beta);
  model->eval();
  return model;
}

void set_model_weights(CausalLanguageModel& model, const NamedTensors& weights, const std::filesystem::path& folder,
                       double initial_beta) {
  const torch::NoGradGuard no_graph;
  const auto parameters = model.named_parameters();
  // Everything is checked before anything is changed.
  const MemoryKind& kind = find_memory_kind(model.config().memory.kind);
  std::vector<std::string> missing;
  for (const auto& parameter : parameters) {
    const auto found = weights.find(parameter.key());
    if (found != weights.end()) {
      check(found->first, found->second, parameter.value(), folder.string());
    } else if (is_own_parameter(kind, parameter.key()) || is_routing_parameter(parameter.key())) {
      missing.push_back(parameter.key());
    } else {
      throw UserError(joined(folder.string(), ": tensor ", parameter.key(),
                             " is missing; the model of this config needs it with the shape ",
                             parameter.value().sizes()));
    }
  }
  for (const auto& weight : weights) {
    if (!parameters.contains(weight.first)) check_surplus(weight.first, weights, model.config(), folder.string());
  }
  if (!missing.empty()) {
    log::warn(joined(folder.string(), " lacks ", missing.size(), " tensors of the memory, such as ", missing.front(),
                     " (a model without it so far): they begin with initial values, and β with ", initial_beta));
  }
  for (const auto& parameter : parameters) {
    const auto found = weights.find(parameter.key());
    if (found != weights.end()) {
      parameter.value().copy_(found->second);
    } else {
      initialize_parameter(parameter.key(), parameter.value(), model.config(), initial_beta);
    }
  }
}

NamedTensors model_weights(const CausalLanguageModel& model) {
  NamedTensors weights;
  for (const auto& parameter : model.named_parameters()) weights.emplace(parameter.key(), parameter.value().detach());
  return weights;
}

}  // namespace infini
