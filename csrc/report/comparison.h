#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/run_record.h"

namespace infini::report {

/// A table of text: a name for each column, and rows of as many cells.
struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
};

/// Whether the runs' results are perplexities: some run was evaluated, or none looked for needles instead.
bool shows_perplexity(const std::vector<RunRecord>& runs);

/// The runs' results, a row each: run, memory update, parameters, tokens trained, tokens/s in training (median); test
/// perplexity, bits per byte, word perplexity, test perplexity with the memory off where these are shown; and for each
/// passkey*.jsonl the share of right answers at its greatest length. "–" where a run has none.
Table results_table(const std::vector<RunRecord>& runs);

/// How each run was made, a row each: the model's sizes, steps, skipped steps, padding, peak memory, the test set's.
Table settings_table(const std::vector<RunRecord>& runs);

/// The result in a sentence: the test perplexity of each run, and of the first with its memory switched off.
std::string headline(const std::vector<RunRecord>& runs);

/// What keeps the runs from being compared (other vocabularies, other test tokens), and what each lacks.
std::vector<std::string> notes(const std::vector<RunRecord>& runs);

/// The table for a terminal, turned: a line for each column and the rows side by side, so that a few runs with their
/// many numbers fit 80 characters.
std::string plain_text(const Table& table);

/// Three decimals below 10, else two; from 100,000 on as a count: 4.512, 11.88, 3480.85, 294k.
std::string format_perplexity(double value);
/// A count with its unit of thousands: 512, 98.3k, 1.59M, 2.10B.
std::string format_count(double value);

}  // namespace infini::report
