#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "text/tokenizer.h"
#include "train/train_config.h"

namespace infini {

/// Fills in values that depend on the data or on a checkpoint (model.vocab_size 0). Checks the configuration against
/// the vocabulary of the data and the sizes of the start checkpoint. A resumed run starts from `own_checkpoint`, one of
/// its own checkpoints, and does not need initial_checkpoint any more. If `own_checkpoint` is empty, the run starts
/// from initial_checkpoint. Throws UserError.
TrainConfig resolve_config(TrainConfig config, const std::filesystem::path& own_checkpoint = {});

/// The tokenizer for a resolved configuration. It is the tokenizer of data.path. A task without data.path takes the
/// tokenizer of the start checkpoint, or else bytes.
std::shared_ptr<const Tokenizer> tokenizer_of(const TrainConfig& config,
                                              const std::filesystem::path& own_checkpoint = {});

/// Throws a UserError if `model` differs from a checkpoint's config.json. It names the first different key and both
/// values. `memory_too`: compares segment_length and update too. Continued pretraining does not, since it may add a
/// memory to a model that had none.
void require_same_model(const ModelConfig& model, const nlohmann::json& checkpoint_config,
                        const std::string& checkpoint, bool memory_too);

}  // namespace infini
