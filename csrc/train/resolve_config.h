#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "text/tokenizer.h"
#include "train/train_config.h"

namespace infini {

/// Fills in what only the data or a checkpoint can say (model.vocab_size 0) and checks what the configuration must
/// agree with: the data's vocabulary, and the sizes of the checkpoint that the run starts from. That is
/// `own_checkpoint`, one of the run itself that is resumed; or, where that is empty, initial_checkpoint, which a
/// resumed run does not need any more. Throws UserError.
TrainConfig resolve_config(TrainConfig config, const std::filesystem::path& own_checkpoint = {});

/// The tokenizer that a resolved configuration's data have: that of data.path; where a task goes without, that of the
/// checkpoint that the run starts from, or else bytes.
std::shared_ptr<const Tokenizer> tokenizer_of(const TrainConfig& config,
                                              const std::filesystem::path& own_checkpoint = {});

/// Throws UserError that names the first key in which the model of a checkpoint's config.json differs, and both values.
/// `memory_too`: also segment_length and update, which continued pretraining may give to a model that had none.
void require_same_model(const ModelConfig& model, const nlohmann::json& checkpoint_config,
                        const std::string& checkpoint, bool memory_too);

}  // namespace infini
