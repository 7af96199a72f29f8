#pragma once

#include "train/run.h"

namespace infini {

/// Logs the parameter groups with their rates, and warns of settings that are probably a mistake.
void show_summary(const Run& run);

/// Warns if most of a step was padding.
void warn_of_padding(double padding_share);

}  // namespace infini
