#include "report/table.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string_view>

namespace infini::report {
namespace {

/// The number of characters of UTF-8 text, which is not that of its bytes.
size_t display_width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](unsigned char byte) { return (byte & 0xC0) != 0x80; }));
}

std::string spaces(size_t width, std::string_view text) { return std::string(width - display_width(text), ' '); }

size_t width_of_column(const Table& table, size_t column) {
  size_t width = display_width(table.columns[column]);
  for (const auto& row : table.rows) width = std::max(width, display_width(row[column]));
  return width;
}

/// A column of words stands to the left. Numbers, and what stands for a missing one, begin otherwise.
bool has_words(const Table& table, size_t column) {
  return std::any_of(table.rows.begin(), table.rows.end(), [&](const std::vector<std::string>& row) {
    const auto first = static_cast<unsigned char>(row[column].empty() ? ' ' : row[column].front());
    return first < 0x80 && std::isalpha(first) != 0;
  });
}

std::string quoted_for_csv(const std::string& cell) {
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char character : cell) quoted += character == '"' ? std::string("\"\"") : std::string(1, character);
  return quoted + "\"";
}

std::string csv_cell(const nlohmann::ordered_json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string cell;
  for (const auto& part : value) cell += (cell.empty() ? "" : " ") + csv_cell(part);
  return cell;
}

}  // namespace

std::string plain_text(const Table& table) {
  const auto widest = [](const std::vector<std::string>& cells) {
    size_t width = 0;
    for (const auto& cell : cells) width = std::max(width, display_width(cell));
    return width;
  };
  const size_t name_width = widest(table.columns);
  std::string text;
  for (size_t column = 0; column < table.columns.size(); ++column) {
    const std::string& name = table.columns[column];
    text += name + spaces(name_width, name);
    for (const auto& row : table.rows) text += "  " + spaces(widest(row), row[column]) + row[column];
    text += '\n';
  }
  return text;
}

std::string aligned_text(const Table& table) {
  std::string text;
  const auto add_line = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (size_t column = 0; column < cells.size(); ++column) {
      const std::string padding = spaces(width_of_column(table, column), cells[column]);
      const bool left = column == 0 || has_words(table, column);
      line += (column == 0 ? "" : "  ") + (left ? cells[column] + padding : padding + cells[column]);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  };
  add_line(table.columns);
  for (const auto& row : table.rows) add_line(row);
  return text;
}

std::string markdown(const Table& table) {
  std::string text;
  const auto add_line = [&](const std::vector<std::string>& cells) {
    text += "|";
    for (const std::string& cell : cells) text += " " + cell + " |";
    text += "\n";
  };
  add_line(table.columns);
  std::vector<std::string> rule;
  for (size_t column = 0; column < table.columns.size(); ++column) {
    rule.push_back(column == 0 || has_words(table, column) ? "---" : "---:");
  }
  add_line(rule);
  for (const auto& row : table.rows) add_line(row);
  return text;
}

std::string csv(const nlohmann::ordered_json& rows) {
  std::string text;
  if (rows.empty()) return text;
  const auto add_line = [&](const std::vector<std::string>& cells) {
    for (size_t i = 0; i < cells.size(); ++i) text += (i == 0 ? "" : ",") + quoted_for_csv(cells[i]);
    text += "\n";
  };
  std::vector<std::string> keys;
  for (const auto& [key, value] : rows.front().items()) keys.push_back(key);
  add_line(keys);
  for (const auto& row : rows) {
    std::vector<std::string> cells;
    for (const std::string& key : keys) cells.push_back(csv_cell(row.at(key)));
    add_line(cells);
  }
  return text;
}

}  // namespace infini::report
