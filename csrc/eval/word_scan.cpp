#include "eval/word_scan.h"

#include <bit>
#include <numeric>
#include <utility>

#include "text/letters.h"

namespace infini {
namespace {

/// The length in bytes of the UTF-8 character that a byte begins. A byte that begins none counts as a character.
size_t sequence_length(char byte) {
  const int ones = std::countl_one(static_cast<unsigned char>(byte));
  return ones >= 2 && ones <= 4 ? static_cast<size_t>(ones) : 1;
}

bool is_inside_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

}  // namespace

WordScan::WordScan(int64_t first, std::function<void(const ScannedWord&)> receive)
    : receive_(std::move(receive)), token_(first - 1) {}

void WordScan::push(std::string_view bytes, double nats) {
  ++token_;
  const int64_t needed_from = !word_.empty() ? first_ : !character_.empty() ? character_first_ : token_;
  nats_.erase(nats_.begin(), nats_.end() - (token_ - needed_from));
  nats_.push_back(nats);
  for (const char byte : bytes) take(byte);
}

void WordScan::finish() {
  end_character();
  end_word();
}

void WordScan::take(char byte) {
  if (!character_.empty() && !is_inside_character(byte)) end_character();
  if (character_.empty()) character_first_ = token_;
  character_ += byte;
  if (character_.size() == sequence_length(character_.front())) end_character();
}

void WordScan::end_character() {
  if (character_.empty()) return;
  const std::string letter = lower_case_letter(std::exchange(character_, {}));
  if (letter.empty()) {
    end_word();
    return;
  }
  if (word_.empty()) first_ = character_first_;
  last_ = token_;
  word_ += letter;
  ++letters_;
}

void WordScan::end_word() {
  const std::string text = std::exchange(word_, {});
  if (std::exchange(letters_, 0) < kShortestWord) return;
  // The newest token's loss stands at the end.
  const auto end = nats_.end() - (token_ - last_), begin = end - (last_ - first_ + 1);
  receive_({text, first_, std::accumulate(begin, end, 0.0)});
}

}  // namespace infini
