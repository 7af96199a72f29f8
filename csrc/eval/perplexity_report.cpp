#include <cmath>
#include <cstdio>
#include <iomanip>
#include <sstream>
#include <string>

#include "eval/perplexity.h"

namespace infini {

nlohmann::json to_json(const Perplexity& perplexity) {
  nlohmann::json positions = nlohmann::json::array();
  for (const PositionLoss& position : perplexity.positions) {
    positions.push_back({{"from", position.from},
                         {"to", position.to},
                         {"loss", position.nats / static_cast<double>(position.tokens)},
                         {"tokens", position.tokens}});
  }
  return {{"perplexity", perplexity.token_perplexity()},
          {"word_perplexity", perplexity.word_perplexity()},
          {"bits_per_byte", perplexity.bits_per_byte()},
          {"loss", perplexity.loss()},
          {"tokens", perplexity.tokens},
          {"words", perplexity.words},
          {"bytes", perplexity.bytes},
          {"documents", perplexity.documents},
          {"memory", perplexity.memory},
          {"tokens_per_second", perplexity.tokens_per_second()},
          {"positions", positions}};
}

namespace {

/// Four decimals, or an exponent where a number is too large for that: the word perplexity of an untrained model.
std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), value < 1e6 ? "%.4f" : "%.4e", value);
  return text;
}

}  // namespace

std::string to_text(const Perplexity& perplexity) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(4);
  out << "perplexity          " << number(perplexity.token_perplexity()) << "\n"
      << "loss (nats/token)   " << number(perplexity.loss()) << "\n"
      << "word perplexity     " << number(perplexity.word_perplexity()) << "\n"
      << "bits per byte       " << number(perplexity.bits_per_byte()) << "\n"
      << "memory              " << (perplexity.memory ? "on" : "off") << "\n"
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

}  // namespace infini
