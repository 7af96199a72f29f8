#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/run_record.h"
#include "report/table.h"

namespace infini::report {

/// Whether the results to show are perplexities. They are if some run was evaluated, or if no run looked for needles.
bool shows_perplexity(const std::vector<RunRecord>& runs);

/// The results, one row for each run: run, memory update, parameters, tokens trained, tokens/s in training (median). If
/// perplexities are shown: test perplexity, bits per byte, word perplexity, test perplexity with the memory off. For
/// each passkey*.jsonl: the share of right answers at its greatest length. "–" stands for a missing value.
Table results_table(const std::vector<RunRecord>& runs);

/// How the runs were made, one row for each: sizes of the model and the test set, steps, skipped steps, padding,
/// memory.
Table settings_table(const std::vector<RunRecord>& runs);

/// The result in a sentence: the test perplexity of each run, and of the first run with its memory switched off.
std::string headline(const std::vector<RunRecord>& runs);

/// Reasons why the runs cannot be compared (other vocabularies, other test tokens), and what each run lacks.
std::vector<std::string> notes(const std::vector<RunRecord>& runs);

/// Three decimals below 10, else two; from 100,000 on as a count: 4.512, 11.88, 3480.85, 294k.
std::string format_perplexity(double value);
/// A count with its unit of thousands: 512, 98.3k, 1.59M, 2.10B.
std::string format_count(double value);
/// A number of a fixed number of decimals.
std::string format_fixed(double value, int decimals);
/// All digits of a count: 183,451,648.
std::string format_exact(int64_t value);
/// The median over the steps of a run; nothing if it has none.
std::optional<double> median_tokens_per_second(const RunRecord& run);

}  // namespace infini::report
