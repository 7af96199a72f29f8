#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "text/tokenizer.h"
#include "train/train_config.h"

namespace infini {

/// Fills in what only the data or the initial checkpoint can say (model.vocab_size 0) and checks what the configuration
/// must agree with: the data's vocabulary and the initial checkpoint's sizes. Throws UserError.
TrainConfig resolve_config(TrainConfig config);

/// The tokenizer that a resolved configuration's data have: that of data.path; where a task goes without, that of the
/// initial checkpoint, or else bytes.
std::shared_ptr<const Tokenizer> tokenizer_of(const TrainConfig& config);

/// Throws UserError that names the first key in which the model of a checkpoint's config.json differs, and both values.
/// `memory_too`: also segment_length and update, which continued pretraining may give to a model that had none.
void require_same_model(const ModelConfig& model, const nlohmann::json& checkpoint_config,
                        const std::string& checkpoint, bool memory_too);

}  // namespace infini
