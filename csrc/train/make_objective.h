#pragma once

#include <memory>

#include "objective/objective.h"
#include "text/tokenizer.h"
#include "train/ranks.h"
#include "train/train_config.h"

namespace infini {

/// Makes the objective that a resolved configuration names. Throws UserError if the data or the lengths do not allow
/// it.
std::unique_ptr<Objective> make_objective(const TrainConfig& config, std::shared_ptr<const Tokenizer> tokenizer,
                                          const Ranks& ranks);

}  // namespace infini
