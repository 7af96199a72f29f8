#include "eval/text_stream.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "text/utf8.h"

namespace infini {
namespace {

constexpr size_t kLongestCharacter = 4;  // in bytes; also in tokens, if each token is a byte

/// Takes all complete characters from the front of `bytes`. Bytes that cannot become a character are replaced.
std::string take_characters(std::string& bytes) {
  std::string text;
  size_t at = 0;
  while (at < bytes.size()) {
    const LeadingCharacter character = leading_character(std::string_view(bytes).substr(at));
    if (character.kind == LeadingCharacter::cut_off) break;
    text += character.kind == LeadingCharacter::whole ? std::string_view(bytes).substr(at, character.size)
                                                      : kReplacementCharacter;
    at += character.size;
  }
  bytes.erase(0, at);
  return text;
}

}  // namespace

TextStream::TextStream(const Tokenizer& tokenizer, std::vector<int32_t> context)
    : tokenizer_(tokenizer), context_(std::move(context)) {}

std::string TextStream::push(int32_t token) {
  pending_.push_back(token);
  const std::string text = decode_pending();
  // The byte tokens of a character decode to it only together. While some are missing, they decode to U+FFFD.
  if (pending_.size() < kLongestCharacter && text.ends_with(kReplacementCharacter)) return "";
  bytes_ += text;
  context_ = std::exchange(pending_, {});
  return take_characters(bytes_);
}

std::string TextStream::finish() {
  bytes_ += decode_pending();
  std::string text = take_characters(bytes_);
  if (!std::exchange(bytes_, {}).empty()) text += kReplacementCharacter;
  context_ = std::exchange(pending_, {});
  return text;
}

std::string TextStream::decode_pending() {
  std::vector<int32_t> both = context_;
  both.insert(both.end(), pending_.begin(), pending_.end());
  const std::string text = tokenizer_.decode(both);
  return text.substr(std::min(text.size(), tokenizer_.decode(context_).size()));
}

}  // namespace infini
