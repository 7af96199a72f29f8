#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace infini::report {

/// A table of text: a name for each column, and rows of as many cells.
struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
};

/// The table for a terminal. Rows and columns are swapped, so that a few runs with many numbers fit into 80 characters.
std::string plain_text(const Table& table);

/// The table for a terminal, as it is: the first column and words to the left, numbers to the right.
std::string aligned_text(const Table& table);

std::string markdown(const Table& table);

/// A list of JSON objects with the same keys as CSV: the keys, then a line for each object. null is an empty cell, and
/// the texts of a list are joined by spaces.
std::string csv(const nlohmann::ordered_json& rows);

}  // namespace infini::report
