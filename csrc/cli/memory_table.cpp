#include "cli/memory_table.h"

#include <algorithm>

#include "log/error.h"
#include "report/comparison.h"

namespace infini {
namespace {

using nlohmann::ordered_json;

ordered_json text_or_null(std::string_view text) { return text.empty() ? ordered_json() : ordered_json(text); }

bool is_the_papers(const MemoryTable& table) {
  return std::ranges::any_of(table.accounts, [](const MemoryAccount& row) { return !row.paper_memory.empty(); });
}

}  // namespace

MemoryTable make_memory_table(const ModelConfig& model, int64_t length) {
  const int64_t segment = model.memory.segment_length;
  if (segment == 0) {
    throw UserError(
        "this model reads without segments, so Table 1 does not apply; give a configuration with "
        "model.memory.segment_length");
  }
  if (length < segment) {
    throw UserError("--length: " + std::to_string(length) + " tokens are less than a segment; give " +
                    std::to_string(segment) + " or more");
  }
  MemoryTable table{model, length / segment, memory_accounts(model, length / segment), {}};
  for (const MemoryAccount& row : table.accounts) {
    table.measured.push_back(measure_state(with_kind(model, row.kind), table.segments));
  }
  return table;
}

ordered_json memory_json(const MemoryTable& table) {
  ordered_json rows = ordered_json::array();
  for (size_t i = 0; i < table.accounts.size(); ++i) {
    const MemoryAccount& row = table.accounts[i];
    rows.push_back({{"model", row.kind},
                    {"memory_floats", row.memory_floats},
                    {"ratio", row.ratio},
                    {"effective_context", row.effective_context},
                    {"carried_floats", row.carried_floats},
                    {"measured_floats", table.measured[i].floats},
                    {"measured_bytes", table.measured[i].bytes},
                    {"memory_formula", row.memory_formula},
                    {"effective_formula", row.effective_formula},
                    {"sizes", row.sizes},
                    {"paper_memory_rounded", text_or_null(row.paper_memory)},
                    {"paper_ratio_rounded", text_or_null(row.paper_ratio)}});
  }
  return rows;
}

report::Table memory_numbers(const MemoryTable& table) {
  report::Table numbers{
      {"model", "memory (floats)", "ratio", "effective context", "carried (floats)", "measured (bytes)"}, {}};
  const bool papers = is_the_papers(table);
  if (papers) numbers.columns.push_back("paper, rounded");
  for (size_t i = 0; i < table.accounts.size(); ++i) {
    const MemoryAccount& row = table.accounts[i];
    numbers.rows.push_back({std::string(row.kind), report::format_exact(row.memory_floats),
                            report::format_fixed(row.ratio, 2) + "x", report::format_exact(row.effective_context),
                            report::format_exact(row.carried_floats), report::format_exact(table.measured[i].bytes)});
    if (!papers) continue;
    std::string figures(row.paper_memory);
    if (!row.paper_ratio.empty()) figures += ", " + std::string(row.paper_ratio);
    numbers.rows.back().push_back(figures.empty() ? "–" : figures);
  }
  return numbers;
}

report::Table memory_formulas(const MemoryTable& table) {
  report::Table formulas{{"model", "memory", "effective context", "with"}, {}};
  for (const MemoryAccount& row : table.accounts) {
    formulas.rows.push_back(
        {std::string(row.kind), std::string(row.memory_formula), std::string(row.effective_formula), row.sizes});
  }
  return formulas;
}

std::string model_in_words(const MemoryTable& table) {
  const ModelConfig& model = table.model;
  const auto words = [](int64_t count) { return std::to_string(count); };
  const bool grouped = model.num_key_value_heads != model.num_attention_heads;
  return words(model.num_hidden_layers) + " layers, width " + words(model.hidden_size) + ", " +
         words(model.num_attention_heads) + " heads x " + words(model.head_dim) +
         (grouped ? " on " + words(model.num_key_value_heads) + " key/value heads" : "") + ", " +
         words(table.segments) + " segments of " + words(model.memory.segment_length) + " tokens";
}

std::vector<std::string> memory_legend(const MemoryTable& table) {
  std::vector<std::string> lines = {
      "ratio: how many times smaller the memory is than that of memorizing. N: tokens in a segment, S: segments, l: "
      "layers, H: heads.",
      "carried: floats that one text hands from segment to segment; measured: all bytes of that state, made by the "
      "model itself.",
      "Sizes that the configuration does not give are the paper's: a cache of one segment, as many compressed slots, "
      "65,000 slots for a segment of 2048 (in proportion for others), 100 and 50 vectors."};
  if (table.model.num_key_value_heads != table.model.num_attention_heads) {
    lines.push_back("H counts the " + std::to_string(table.model.num_key_value_heads) +
                    " key/value heads, since only their keys and values are kept.");
  }
  return lines;
}

}  // namespace infini
