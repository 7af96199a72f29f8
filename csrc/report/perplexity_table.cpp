#include "report/perplexity_table.h"

#include <cmath>

#include "report/comparison.h"

namespace infini::report {
namespace {

using nlohmann::ordered_json;

const std::string kAbsent = "–";

/// "value ± error", with as many decimals in both.
std::string with_error(const std::string& value, std::optional<double> error, int decimals) {
  return error ? value + " ± " + format_fixed(*error, decimals) : value;
}

std::string perplexity_cell(const PerplexityRow& row) {
  if (!row.perplexity) return kAbsent;
  return with_error(format_perplexity(*row.perplexity), row.standard_error, *row.perplexity < 10 ? 3 : 2);
}

std::string difference_cell(const PerplexityRow& row, bool is_first) {
  if (!row.difference) return is_first && row.perplexity ? "0" : kAbsent;
  const std::string value = (std::signbit(*row.difference) ? "−" : "+") + format_fixed(std::abs(*row.difference), 4);
  return with_error(value, row.difference_standard_error, 4);
}

std::string number_cell(std::optional<double> value, int decimals) {
  return value ? format_fixed(*value, decimals) : kAbsent;
}

ordered_json or_null(const auto& value) { return value ? ordered_json(*value) : ordered_json(); }

}  // namespace

const char* const kPerplexityLegend =
    "± behind a perplexity is its standard error over documents; over seeds: the standard deviation of the seeds' "
    "perplexities. The differences are paired by document, seeds averaged first; below 0 is better than the first row. "
    "Memory: by the formula of the paper's Table 1; carried: what one text really hands from segment to segment. The "
    "paper's perplexities are those of its own model, data and vocabulary, and compare only with each other.";

Table perplexity_table(const PerplexityComparison& comparison) {
  const std::string first = comparison.rows.empty() ? "" : comparison.rows.front().model;
  Table table{
      {"model", "seeds", "perplexity", "over seeds", "nats/token less " + first, "parameters", "memory (floats)",
       "carried (bytes)", "tokens/s, training", "tokens/s, eval", "paper: PG19", "paper: Arxiv-math"},
      {}};
  for (const PerplexityRow& row : comparison.rows) {
    const auto speed = [](std::optional<double> value) { return value ? format_count(*value) : kAbsent; };
    const auto papers = [&](std::optional<double> PaperRow::*column) {
      return number_cell(row.paper ? (*row.paper).*column : std::nullopt, 2);
    };
    table.rows.push_back({row.model, std::to_string(row.seeds), perplexity_cell(row),
                          row.seed_deviation ? "± " + format_fixed(*row.seed_deviation, 3) : kAbsent,
                          difference_cell(row, &row == &comparison.rows.front()),
                          row.parameters ? format_count(static_cast<double>(*row.parameters)) : kAbsent,
                          row.memory ? format_exact(row.memory->floats) : kAbsent,
                          row.memory ? format_exact(row.memory->measured_bytes) : kAbsent, speed(row.training_speed),
                          speed(row.evaluation_speed), papers(&PaperRow::pg19), papers(&PaperRow::arxiv_math)});
  }
  return table;
}

ordered_json perplexity_json(const PerplexityComparison& comparison) {
  ordered_json rows = ordered_json::array();
  for (const PerplexityRow& row : comparison.rows) {
    const auto memory = [&](int64_t ContextMemory::*size) {
      return row.memory ? ordered_json((*row.memory).*size) : ordered_json();
    };
    const auto papers = [&](std::optional<double> PaperRow::*column) {
      return row.paper ? or_null((*row.paper).*column) : ordered_json();
    };
    rows.push_back({{"model", row.model},
                    {"runs", row.runs},
                    {"seeds", row.seeds},
                    {"documents", row.documents},
                    {"tokens", row.tokens},
                    {"perplexity", or_null(row.perplexity)},
                    {"perplexity_standard_error", or_null(row.standard_error)},
                    {"perplexity_seed_deviation", or_null(row.seed_deviation)},
                    {"loss_difference", or_null(row.difference)},
                    {"loss_difference_standard_error", or_null(row.difference_standard_error)},
                    {"parameters", or_null(row.parameters)},
                    {"memory_floats", memory(&ContextMemory::floats)},
                    {"carried_floats", memory(&ContextMemory::carried_floats)},
                    {"measured_bytes", memory(&ContextMemory::measured_bytes)},
                    {"training_tokens_per_second", or_null(row.training_speed)},
                    {"evaluation_tokens_per_second", or_null(row.evaluation_speed)},
                    {"paper_model", row.paper ? ordered_json(row.paper->model) : ordered_json()},
                    {"paper_pg19", papers(&PaperRow::pg19)},
                    {"paper_arxiv_math", papers(&PaperRow::arxiv_math)}});
  }
  return rows;
}

}  // namespace infini::report
