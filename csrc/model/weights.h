#pragma once

namespace infini {

/// Whether a pass through a layer trains its weights.
enum class Weights { trained, constant };

}  // namespace infini
