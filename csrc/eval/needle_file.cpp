#include "eval/needle_file.h"

#include <fstream>
#include <string>
#include <utility>

#include "io/atomic_file.h"
#include "log/error.h"

namespace infini {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

NeedleResult from_json(const json& line) {
  NeedleResult result;
  result.cell = {line.at("length"), line.at("depth"), line.at("trials")};
  result.outcome.exact = line.at("exact");
  result.outcome.correct = line.at("correct_tokens");
  result.outcome.answers = line.at("answer_tokens");
  result.outcome.seconds = line.at("seconds");
  result.outcome.tokens = line.at("tokens");
  if (line.contains("evidence_share")) line.at("evidence_share").get_to(result.outcome.evidence_share);
  return result;
}

}  // namespace

NeedleFile::NeedleFile(fs::path file, const json& settings) {
  std::string kept = json{{"settings", settings}}.dump() + "\n";
  if (std::ifstream input(file, std::ios::binary); input) {
    const auto refuse = [&](const std::string& reason) -> void {
      throw UserError(file.string() + " " + reason + "; name another file, or remove this one");
    };
    std::string line;
    bool first = true;
    // If getline reaches the end of the file, the last line has no line end: it was only half written.
    while (std::getline(input, line) && !input.eof()) {
      const json parsed = json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (std::exchange(first, false)) {
        if (!parsed.is_object() || !parsed.value("settings", json()).is_object()) refuse("is no file of results");
        for (const auto& [key, value] : settings.items()) {
          const json& theirs = parsed["settings"].value(key, json());
          if (theirs != value) refuse("holds results with " + key + " " + theirs.dump() + ", not " + value.dump());
        }
        continue;
      }
      try {
        results_.push_back(from_json(parsed));
      } catch (const json::exception&) {
        refuse("has a line that is no result: " + line.substr(0, 60));
      }
      kept += line + "\n";
    }
    if (first && !line.empty()) refuse("is no file of results");
  }
  write_file(file, kept);
  file_.emplace(std::move(file));
}

std::optional<NeedleOutcome> NeedleFile::find(const NeedleCell& cell) const {
  for (const NeedleResult& result : results_) {
    if (result.cell.length == cell.length && result.cell.depth == cell.depth && result.cell.trials == cell.trials) {
      return result.outcome;
    }
  }
  return std::nullopt;
}

void NeedleFile::append(const NeedleResult& result) {
  results_.push_back(result);
  file_->append(to_json(result).dump() + "\n");
  file_->sync();
}

}  // namespace infini
