#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "report/run_record.h"

namespace infini::report {

/// The data of the page's charts (figures.js), smoothed and thinned so that the page stays small for runs of any
/// length:
/// {"runs": [{"name", "segment_length", "training": CURVE, "validation": CURVE, "learning_rate": CURVE,
///   "gradient_norm": CURVE, "tokens_per_second": CURVE, "smoothing": steps,
///   "positions": [[from, to, loss]…], "positions_without_memory": likewise,
///   "recall": {"segment_length", "rare": count, "models": [{"name", "memory_off",
///     "points": [[from, to, words, nats, standard error]…]}…]}, from = to = null: never before; null without recall,
///   "gates": READINGS, "memory_share": READINGS}…]}
/// A run without memory has no gates and no memory share.
/// CURVE = [[step, tokens, value]…] and READINGS = [[step, tokens, [[value per head] per layer]]…].
nlohmann::json figure_data(const std::vector<RunRecord>& runs);

}  // namespace infini::report
