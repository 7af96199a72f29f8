#pragma once

#include "train/run.h"

namespace infini {

/// Says what is about to be trained: parameters by group with their rates; and warns of what is probably not meant.
void show_summary(const Run& run);

/// Warns where most of a step was padding.
void warn_of_padding(double padding_share);

}  // namespace infini
