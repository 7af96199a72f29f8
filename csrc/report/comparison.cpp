#include "report/comparison.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <set>

#include "report/curve.h"
#include "text/token_length.h"

namespace infini::report {
namespace {

const std::string kAbsent = "–";

std::string count_or_absent(std::optional<double> value) { return value ? format_count(*value) : kAbsent; }

std::string perplexity_or_absent(std::optional<double> value) { return value ? format_perplexity(*value) : kAbsent; }

std::optional<double> perplexity_of(const std::optional<Evaluation>& evaluation) {
  return evaluation ? std::optional(evaluation->perplexity) : std::nullopt;
}

std::string update_name(const RunRecord& run) {
  if (!run.model) return kAbsent;
  return run.model->update == "full" ? "full attention" : run.model->update;
}

std::string heads(const ModelSummary& model) {
  if (model.key_value_heads == model.heads) return std::to_string(model.heads);
  return std::to_string(model.heads) + " (" + std::to_string(model.key_value_heads) + " key/value)";
}

/// "step 300 (loss 1.2345)".
std::string best_or_absent(const RunRecord& run) {
  if (!run.best) return kAbsent;
  return "step " + std::to_string(run.best->step) + " (" + run.best->metric + " " + format_fixed(run.best->value, 4) +
         ")";
}

std::string padding_share(const RunRecord& run) {
  const auto shares = curve_of(run.steps, [](const RecordedStep& step) { return step.padding_share; }).value;
  if (shares.empty()) return kAbsent;
  const double mean = std::accumulate(shares.begin(), shares.end(), 0.0) / static_cast<double>(shares.size());
  return format_fixed(100 * mean, 1) + " %";
}

std::string peak_memory(const RunRecord& run) {
  int64_t peak = 0;
  for (const auto& step : run.steps) peak = std::max(peak, step.peak_memory_bytes);
  return peak == 0 ? kAbsent : format_fixed(static_cast<double>(peak) / (1 << 30), 2) + " GiB";
}

/// "99.2% at 1M", all depths together, of the grid of that name.
std::string longest_or_absent(const RunRecord& run, const std::string& name) {
  for (const NeedleGrid& grid : run.needles) {
    if (grid.name != name) continue;
    const LongestNeedles longest = longest_needles(grid);
    return format_percent(longest.share) + " at " + format_length(longest.length);
  }
  return kAbsent;
}

/// "2.1% higher" than the reference, rounded as it is shown.
std::string difference(double perplexity, double reference) {
  const std::string percent = format_fixed(100 * std::abs(perplexity / reference - 1), 1);
  if (percent == "0.0") return "the same within 0.1%";
  return percent + "% " + (perplexity > reference ? "higher" : "lower");
}

/// "a gives 99.2% of the answers right at 1M tokens; b 100% at 1M."
std::string needle_headline(const std::vector<RunRecord>& runs) {
  std::string sentence;
  for (const RunRecord& run : runs) {
    if (run.needles.empty()) continue;
    const LongestNeedles longest = longest_needles(run.needles.front());
    const bool first = sentence.empty();
    sentence += (first ? run.name + " gives " : "; " + run.name + " ") + format_percent(longest.share) +
                (first ? " of the answers right at " : " at ") + format_length(longest.length) + " tokens";
  }
  return sentence + ".";
}

}  // namespace

std::string format_fixed(double value, int decimals) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

std::string format_exact(int64_t value) {
  std::string digits = std::to_string(value);
  for (size_t place = digits.size(); place > 3;) {
    place -= 3;
    digits.insert(place, ",");
  }
  return digits;
}

std::optional<double> median_tokens_per_second(const RunRecord& run) {
  return median(curve_of(run.steps, [](const RecordedStep& step) { return step.tokens_per_second; }).value);
}

std::string format_perplexity(double value) {
  if (!std::isfinite(value)) return "∞";
  if (value < 10) return format_fixed(value, 3);
  return value < 1e5 ? format_fixed(value, 2) : format_count(value);
}

std::string format_count(double value) {
  if (value < 1000) return format_fixed(value, 0);
  constexpr std::array<const char*, 4> units = {"k", "M", "B", "T"};
  size_t unit = 0;
  // 999.5k would round to "1000k".
  for (value /= 1000; value >= 999.5 && unit + 1 < units.size(); ++unit) value /= 1000;
  return format_fixed(value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0) + units[unit];
}

bool shows_perplexity(const std::vector<RunRecord>& runs) {
  const auto evaluated = [](const RunRecord& run) { return run.evaluation.has_value(); };
  const auto searched = [](const RunRecord& run) { return !run.needles.empty(); };
  return std::any_of(runs.begin(), runs.end(), evaluated) || std::none_of(runs.begin(), runs.end(), searched);
}

Table results_table(const std::vector<RunRecord>& runs) {
  const bool perplexity = shows_perplexity(runs);
  std::set<std::string> grids;
  Table table{{"run", "memory update", "parameters", "tokens trained", "tokens/s (median)"}, {}};
  if (perplexity) {
    table.columns.insert(table.columns.end(),
                         {"test perplexity", "bits per byte", "word perplexity", "perplexity, memory off"});
  }
  for (const RunRecord& run : runs) {
    for (const NeedleGrid& grid : run.needles) grids.insert(grid.name);
  }
  for (const std::string& grid : grids) table.columns.push_back(grid + ", right");

  for (const auto& run : runs) {
    std::vector<std::string> row{
        run.name, update_name(run), count_or_absent(run.parameters),
        run.steps.empty() ? kAbsent : format_count(static_cast<double>(run.steps.back().tokens)),
        count_or_absent(median_tokens_per_second(run))};
    if (perplexity) {
      const auto bits = run.evaluation ? run.evaluation->bits_per_byte : std::nullopt;
      const auto word = run.evaluation ? run.evaluation->word_perplexity : std::nullopt;
      row.insert(row.end(),
                 {perplexity_or_absent(perplexity_of(run.evaluation)), bits ? format_fixed(*bits, 4) : kAbsent,
                  perplexity_or_absent(word), perplexity_or_absent(perplexity_of(run.evaluation_without_memory))});
    }
    for (const std::string& name : grids) row.push_back(longest_or_absent(run, name));
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table settings_table(const std::vector<RunRecord>& runs) {
  Table table{{"run", "layers", "width", "heads", "vocabulary", "segment", "steps", "skipped", "padding", "peak memory",
               "test documents", "test tokens"},
              {}};
  const bool watched = std::any_of(runs.begin(), runs.end(), [](const RunRecord& run) { return run.best.has_value(); });
  if (watched) table.columns.push_back("best checkpoint");
  for (const auto& run : runs) {
    const auto of_model = [&](int64_t ModelSummary::*size) {
      return run.model ? std::to_string((*run.model).*size) : kAbsent;
    };
    const bool segmented = run.model && run.model->segment_length > 0;
    const auto& evaluation = run.evaluation;
    table.rows.push_back({run.name, of_model(&ModelSummary::layers), of_model(&ModelSummary::width),
                          run.model ? heads(*run.model) : kAbsent, of_model(&ModelSummary::vocab_size),
                          segmented ? std::to_string(run.model->segment_length) : kAbsent,
                          run.steps.empty() ? kAbsent : std::to_string(run.steps.back().step),
                          run.steps.empty() ? kAbsent : std::to_string(run.steps.back().skipped_steps),
                          padding_share(run), peak_memory(run),
                          evaluation ? std::to_string(evaluation->documents) : kAbsent,
                          evaluation ? format_count(static_cast<double>(evaluation->tokens)) : kAbsent});
    if (watched) table.rows.back().push_back(best_or_absent(run));
  }
  return table;
}

std::string headline(const std::vector<RunRecord>& runs) {
  const RunRecord& first = runs.front();
  if (!shows_perplexity(runs) || (!first.evaluation && !first.needles.empty())) return needle_headline(runs);
  std::string sentence;
  if (first.evaluation) {
    sentence = first.name + " reaches a test perplexity of " + format_perplexity(first.evaluation->perplexity);
    if (first.evaluation_without_memory) {
      sentence +=
          " (" + format_perplexity(first.evaluation_without_memory->perplexity) + " with its memory switched off)";
    }
  } else {
    sentence = first.name + " has no test perplexity yet";
  }
  for (size_t i = 1; i < runs.size(); ++i) {
    const auto& run = runs[i];
    sentence += "; " + run.name;
    if (!run.evaluation) {
      sentence += " has none yet";
      continue;
    }
    sentence += " reaches " + format_perplexity(run.evaluation->perplexity);
    if (first.evaluation) sentence += ", " + difference(run.evaluation->perplexity, first.evaluation->perplexity);
  }
  return sentence + ".";
}

std::vector<std::string> notes(const std::vector<RunRecord>& runs) {
  std::vector<std::string> result;
  std::set<int64_t> vocabularies, test_tokens;
  for (const auto& run : runs) {
    if (run.model) vocabularies.insert(run.model->vocab_size);
    if (run.evaluation) test_tokens.insert(run.evaluation->tokens);
  }
  if (vocabularies.size() > 1) {
    result.push_back(
        "The runs have different vocabularies: compare bits per byte and word perplexity, not perplexity.");
  } else if (test_tokens.size() > 1) {
    result.push_back("The runs were evaluated on different numbers of test tokens: their perplexities do not compare.");
  }
  for (const auto& run : runs) {
    if (run.evaluation && run.evaluation->unknown_tokens > 0) {
      result.push_back(
          run.name + ": " + std::to_string(run.evaluation->unknown_tokens) + " of " +
          std::to_string(run.evaluation->tokens) +
          " test tokens stand for text that the tokenizer cannot express: compare its perplexity with none.");
    }
    for (const auto& note : run.notes) result.push_back(run.name + ": " + note);
  }
  return result;
}

}  // namespace infini::report
