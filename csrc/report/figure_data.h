#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "report/run_record.h"

namespace infini::report {

/// The data of the page's charts (figures.js), smoothed and thinned so that the page stays small for runs of any
/// length:
/// {"runs": [{"name", "segment_length", "training": CURVE, "validation": CURVE, "learning_rate": CURVE,
///   "gradient_norm": CURVE, "tokens_per_second": CURVE, "auxiliary_loss": CURVE, "smoothing": steps,
///   "positions": [[from, to, loss]…], "positions_without_memory": likewise,
///   "recall": {"segment_length", "rare": count, "models": [{"name", "memory_off",
///     "points": [[from, to, words, nats, standard error]…]}…]}, from = to = null: never before; null without recall,
///   "readings": {name: READINGS…}, "memory": [[segments, documents, {name: [[value per head] per layer]…}]…]}…]}
/// A run without memory has no readings of one. A layer without such a reading has null as value.
/// CURVE = [[step, tokens, value]…] and READINGS = [[step, tokens, [[value per head] per layer]]…].
nlohmann::json figure_data(const std::vector<RunRecord>& runs);

}  // namespace infini::report
