#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/run_record.h"

namespace infini::report {

/// A row of Table 2: one model, trained with one seed or several. An empty field is a missing value.
struct PerplexityRow {
  std::string model;              ///< the runs' name without "-seed3"
  std::vector<std::string> runs;  ///< names
  int64_t seeds = 0;              ///< runs whose evaluation the row counts
  int64_t documents = 0, tokens = 0;
  std::optional<double> perplexity;      ///< mean over seeds
  std::optional<double> standard_error;  ///< of the perplexity, over documents
  std::optional<double> seed_deviation;  ///< of the perplexity, a standard deviation over seeds
  /// Nats per token more than the first row's, paired by document, seeds averaged first; and its standard error over
  /// documents. The first row has neither.
  std::optional<double> difference, difference_standard_error;
  std::optional<int64_t> parameters;
  std::optional<ContextMemory> memory;
  std::optional<double> training_speed;    ///< tokens/s: the median over the steps, mean over seeds
  std::optional<double> evaluation_speed;  ///< tokens/s, mean over seeds
  std::optional<PaperRow> paper;
};

struct PerplexityComparison {
  std::vector<PerplexityRow> rows;  ///< in the order of the runs
  std::vector<std::string> notes;   ///< what is missing, and what does not compare
};

/// Runs whose names differ only in "-seed3" at the end are one row. A row that was evaluated on other documents than
/// the first has no difference, and a seed that was evaluated on others than the first seed of its row is left out.
PerplexityComparison compare_perplexities(const std::vector<RunRecord>& runs);

}  // namespace infini::report
