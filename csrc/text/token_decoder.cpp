#include "text/token_decoder.h"

#include <algorithm>
#include <optional>

#include "text/utf8.h"

namespace infini {
namespace {

using Tokens = std::vector<std::string>;

std::string replaced(std::string_view text, std::string_view pattern, std::string_view by) {
  std::string result;
  size_t from = 0;
  for (size_t at; (at = text.find(pattern, from)) != std::string_view::npos; from = at + pattern.size()) {
    result += text.substr(from, at - from);
    result += by;
  }
  return result += text.substr(from);
}

std::optional<char> byte_named(std::string_view token) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
  };
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
  const int high = digit(token[3]), low = digit(token[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

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
