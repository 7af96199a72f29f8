#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace infini {

/// The ids of words that were met before. A language's common words are few, so nearly every word is found. It holds
/// words of up to 32 bytes with up to 5 ids; one entry is one cache line of the processor. A word can stand in two
/// places, and drives out the one that came there first. For one thread.
class WordCache {
 public:
  /// A word of at most 32 bytes as four numbers: two words are equal if all numbers and the lengths are.
  struct Key {
    std::array<uint64_t, 4> parts;
    uint8_t size;
    bool operator==(const Key&) const = default;
  };

  WordCache() : entries_(size_t{1} << kBits) {}

  static bool can_hold(std::string_view word) { return word.size() <= kMostBytes; }
  static Key key_of(std::string_view word) {
    Key key{{}, static_cast<uint8_t>(word.size())};
    const char* const text = word.data();
    const size_t size = word.size();
    // Two loads that overlap have all bytes of a short word.
    if (size >= 16) {
      key.parts = {load(text, 8), load(text + 8, 8), load(text + size - 16, 8), load(text + size - 8, 8)};
    } else if (size >= 8) {
      key.parts = {load(text, 8), load(text + size - 8, 8), 0, 0};
    } else if (size >= 4) {
      key.parts = {load(text, 4) | load(text + size - 4, 4) << 32, 0, 0, 0};
    } else if (size > 0) {
      key.parts = {load(text, 1) | load(text + size / 2, 1) << 8 | load(text + size - 1, 1) << 16, 0, 0, 0};
    }
    return key;
  }

  /// The ids of a word, or an empty span.
  std::span<const int32_t> find(const Key& key) const {
    const size_t place = place_of(key);
    for (const size_t at : {place, place ^ 1}) {
      const Entry& entry = entries_[at];
      if (entry.count > 0 && entry.key == key) return {entry.ids.data(), entry.count};
    }
    return {};
  }

  /// Keeps the ids of a word, if they are few enough.
  void add(const Key& key, std::span<const int32_t> ids) {
    if (ids.empty() || ids.size() > kMostIds) return;
    const size_t place = place_of(key);
    entries_[place ^ 1] = entries_[place];
    Entry& entry = entries_[place];
    entry.key = key;
    entry.count = static_cast<uint8_t>(ids.size());
    std::copy(ids.begin(), ids.end(), entry.ids.begin());
  }

 private:
  static constexpr int kBits = 15;
  static constexpr size_t kMostBytes = 32, kMostIds = 5;
  struct alignas(64) Entry {
    Key key{};
    std::array<int32_t, kMostIds> ids{};
    uint8_t count = 0;
  };

  static uint64_t load(const char* text, size_t bytes) {
    uint64_t value = 0;
    std::memcpy(&value, text, bytes);
    return value;
  }
  static size_t place_of(const Key& key) {
    constexpr uint64_t kOdd = 0x9E3779B97F4A7C15;  // 2^64 divided by the golden ratio
    uint64_t hash = key.size;
    for (const uint64_t part : key.parts) hash = (hash ^ part) * kOdd, hash ^= hash >> 29;
    return hash * kOdd >> (64 - kBits);
  }

  std::vector<Entry> entries_;
};

}  // namespace infini
