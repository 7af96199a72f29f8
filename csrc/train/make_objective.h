#pragma once

#include <memory>

#include "objective/objective.h"
#include "text/tokenizer.h"
#include "train/ranks.h"
#include "train/train_config.h"

namespace infini {

/// What a resolved configuration asks to be learnt. Throws UserError where its data or lengths do not allow it.
std::unique_ptr<Objective> make_objective(const TrainConfig& config, std::shared_ptr<const Tokenizer> tokenizer,
                                          const Ranks& ranks);

}  // namespace infini
