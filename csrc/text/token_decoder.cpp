#include "text/token_decoder.h"

#include "text/byte_alphabet.h"
#include "text/replaced.h"
#include "text/utf8.h"

namespace infini {
namespace {

using Tokens = std::vector<std::string>;

void run(const TokenDecoder::Replace& step, Tokens& tokens) {
  for (std::string& token : tokens) token = replaced(token, step.pattern, step.by);
}

void run(const TokenDecoder::ByteFallback&, Tokens& tokens) {
  Tokens result;
  std::string bytes;
  const auto flush = [&] {
    if (bytes.empty()) return;
    if (!invalid_utf8_offset(bytes)) {
      result.push_back(bytes);
    } else {
      result.insert(result.end(), bytes.size(), std::string(kReplacementCharacter));
    }
    bytes.clear();
  };
  for (std::string& token : tokens) {
    if (const auto byte = byte_named(token)) {
      bytes += *byte;
      continue;
    }
    flush();
    result.push_back(std::move(token));
  }
  flush();
  tokens = std::move(result);
}

void run(const TokenDecoder::Fuse&, Tokens& tokens) {
  std::string all;
  for (const std::string& token : tokens) all += token;
  tokens = {std::move(all)};
}

void run(const TokenDecoder::Strip& step, Tokens& tokens) {
  for (std::string& token : tokens) {
    for (size_t i = 0; i < step.start && token.starts_with(step.character); ++i) token.erase(0, step.character.size());
    for (size_t i = 0; i < step.stop && token.ends_with(step.character); ++i) {
      token.resize(token.size() - step.character.size());
    }
  }
}

void run(const TokenDecoder::Metaspace& step, Tokens& tokens) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = replaced(tokens[i], step.replacement, i == 0 && step.prepended ? "" : " ");
  }
}

}  // namespace

std::string TokenDecoder::decode(std::vector<std::string> tokens) const {
  for (const Step& step : steps_) std::visit([&](const auto& one) { run(one, tokens); }, step);
  std::string text;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0) text += separator_;
    text += tokens[i];
  }
  return text;
}

}  // namespace infini
