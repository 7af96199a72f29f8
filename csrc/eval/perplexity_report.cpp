#include "eval/perplexity_report.h"

#include <cmath>
#include <cstdio>
#include <iomanip>
#include <sstream>

namespace infini {
namespace {

/// JSON has no infinity, so it becomes null.
nlohmann::json finite_or_null(double value) { return std::isfinite(value) ? nlohmann::json(value) : nullptr; }

/// Four decimals, or an exponent for large numbers such as the word perplexity of an untrained model.
std::string number(double value) {
  if (!std::isfinite(value)) return "none";
  char text[32];
  std::snprintf(text, sizeof(text), value < 1e6 ? "%.4f" : "%.4e", value);
  return text;
}

}  // namespace

nlohmann::json to_json(const Perplexity& perplexity) {
  // No bits per byte and no word perplexity: they would count text that no token expresses.
  const bool whole = perplexity.unknown_tokens == 0;
  nlohmann::json positions = nlohmann::json::array();
  for (const PositionLoss& position : perplexity.positions) {
    positions.push_back({{"from", position.from},
                         {"to", position.to},
                         {"loss", position.nats / static_cast<double>(position.tokens)},
                         {"tokens", position.tokens}});
  }
  nlohmann::json documents = nlohmann::json::array();
  for (const DocumentLoss& document : perplexity.documents_read) {
    documents.push_back({{"name", document.name},
                         {"tokens", document.tokens},
                         {"nats", document.nats},
                         {"words", document.words},
                         {"bytes", document.bytes}});
  }
  const std::optional<double> error = perplexity.loss_standard_error();
  return {{"perplexity", perplexity.token_perplexity()},
          {"word_perplexity", whole ? finite_or_null(perplexity.word_perplexity()) : nullptr},
          {"bits_per_byte", whole ? nlohmann::json(perplexity.bits_per_byte()) : nullptr},
          {"loss", perplexity.loss()},
          {"loss_standard_error", error ? nlohmann::json(*error) : nullptr},
          {"tokens", perplexity.tokens},
          {"unknown_tokens", perplexity.unknown_tokens},
          {"words", perplexity.words},
          {"bytes", perplexity.bytes},
          {"documents", perplexity.documents},
          {"documents_read", documents},
          {"memory", perplexity.memory},
          {"window", perplexity.window},
          {"tokens_per_second", perplexity.tokens_per_second()},
          {"positions", positions}};
}

std::string to_text(const Perplexity& perplexity) {
  const bool whole = perplexity.unknown_tokens == 0;
  std::ostringstream out;
  out << std::fixed << std::setprecision(4);
  out << "perplexity          " << number(perplexity.token_perplexity()) << "\n"
      << "loss (nats/token)   " << number(perplexity.loss());
  if (const auto error = perplexity.loss_standard_error()) out << " ± " << number(*error) << " between documents";
  out << "\n"
      << "word perplexity     " << (whole ? number(perplexity.word_perplexity()) : "-") << "\n"
      << "bits per byte       " << (whole ? number(perplexity.bits_per_byte()) : "-") << "\n";
  if (!whole) {
    out << "unknown tokens      " << perplexity.unknown_tokens << " of " << perplexity.tokens
        << ": the tokenizer cannot express this text, so the perplexity is of something else\n";
  }
  out << "memory              " << (perplexity.memory ? "on" : "off");
  if (perplexity.window > 0) out << ", and nothing before each window of " << perplexity.window << " tokens";
  out << "\n"
      << "read                " << perplexity.documents << " documents, " << perplexity.tokens << " tokens, "
      << perplexity.words << " words, " << perplexity.bytes << " bytes; "
      << std::llround(perplexity.tokens_per_second()) << " tokens/s\n\n";
  out << "text tokens from   to           loss      tokens\n";
  for (const PositionLoss& position : perplexity.positions) {
    out << std::setw(16) << position.from << "   " << std::left << std::setw(10) << position.to << std::right
        << std::setw(7) << position.nats / static_cast<double>(position.tokens) << std::setw(12) << position.tokens
        << "\n";
  }
  return out.str();
}

std::vector<std::string> warnings(const Perplexity& perplexity) {
  std::vector<std::string> lines;
  if (!std::isfinite(perplexity.word_perplexity())) {
    lines.push_back("the text has only " + std::to_string(perplexity.words) + " words with whitespace between for " +
                    std::to_string(perplexity.tokens) +
                    " tokens, too few for a word perplexity; compare models by bits per byte");
  }
  return lines;
}

}  // namespace infini
