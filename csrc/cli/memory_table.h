#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/measured_state.h"
#include "model/memory_accounting.h"
#include "report/table.h"

namespace infini {

/// The paper's Table 1 for a model, and the state that each kind of memory really carries.
struct MemoryTable {
  ModelConfig model;
  int64_t segments = 0;
  std::vector<MemoryAccount> accounts;
  std::vector<StateSize> measured;  ///< one for each account
};

/// Throws UserError where a model without segments is to be counted, or where `length` has none.
MemoryTable make_memory_table(const ModelConfig& model, int64_t length);

nlohmann::ordered_json memory_json(const MemoryTable& table);

/// The numbers.
report::Table memory_numbers(const MemoryTable& table);
/// The formulas, and the sizes that they were evaluated with.
report::Table memory_formulas(const MemoryTable& table);

/// "12 layers, width 1024, 8 heads x 128, 16 segments of 2048 tokens".
std::string model_in_words(const MemoryTable& table);
/// What the words of the table mean, a sentence each.
std::vector<std::string> memory_legend(const MemoryTable& table);

}  // namespace infini
