#include "eval/text_stream.h"

#include <algorithm>
#include <utility>

namespace infini {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr size_t kLongestCharacter = 4;                    // in bytes; also in tokens, if each token is a byte

/// The length in bytes of a character that begins with `first`; 0 if no character does.
size_t character_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0) return 2;
  if (first >= 0xE0 && first < 0xF0) return 3;
  if (first >= 0xF0 && first < 0xF5) return 4;
  return 0;
}

/// The limits of a character's second byte depend on the first byte. They exclude overlong forms, surrogates, and all
/// above U+10FFFF.
bool continues(unsigned char first, size_t index, unsigned char byte) {
  unsigned char low = 0x80, high = 0xBF;
  if (index == 1) {
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  }
  return byte >= low && byte <= high;
}

/// Takes all complete characters from the front of `bytes`. Bytes that cannot become a character are replaced.
std::string take_characters(std::string& bytes) {
  std::string text;
  size_t at = 0;
  while (at < bytes.size()) {
    const auto first = static_cast<unsigned char>(bytes[at]);
    const size_t length = character_length(first);
    size_t good = length == 0 ? 0 : 1;
    while (good > 0 && good < length && at + good < bytes.size() &&
           continues(first, good, static_cast<unsigned char>(bytes[at + good]))) {
      ++good;
    }
    if (length > 0 && good == length) {
      text.append(bytes, at, length);
    } else if (length > 0 && at + good == bytes.size()) {
      break;
    } else {
      text += kReplacement;
      good = std::max<size_t>(good, 1);
    }
    at += good;
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
  if (pending_.size() < kLongestCharacter && text.ends_with(kReplacement)) return "";
  bytes_ += text;
  context_ = std::exchange(pending_, {});
  return take_characters(bytes_);
}

std::string TextStream::finish() {
  bytes_ += decode_pending();
  std::string text = take_characters(bytes_);
  if (!std::exchange(bytes_, {}).empty()) text += kReplacement;
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
