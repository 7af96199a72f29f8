#include "text/byte_pair_encoding.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <queue>
#include <tuple>
#include <utility>

#include "text/utf8.h"

namespace infini {
namespace {

constexpr size_t kShortWord = 48;  // symbols; longer words are merged with a queue
constexpr uint64_t kNoPair = ~uint64_t{0};
constexpr int32_t kMerged = -1;

uint64_t pair_of(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

std::string name_of_byte(unsigned char byte) {
  char name[8];
  std::snprintf(name, sizeof name, "<0x%02X>", byte);
  return name;
}

size_t hash_of(uint64_t pair) {
  constexpr uint64_t kOdd = 0x9E3779B97F4A7C15;  // 2^64 divided by the golden ratio
  pair = (pair ^ pair >> 32) * kOdd;
  return pair ^ pair >> 32;
}

char32_t first_character(const std::string& text) {
  const char* at = text.data();
  return decode_character(at);
}

char32_t last_character(const std::string& text) {
  const char* end = text.data() + text.size();
  return decode_character_before(end);
}

}  // namespace

BytePairEncoding::BytePairEncoding(BytePairVocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {
  ids_.reserve(vocabulary_.tokens.size());
  for (size_t id = 0; id < vocabulary_.tokens.size(); ++id) {
    if (!vocabulary_.tokens[id].empty()) ids_.emplace(vocabulary_.tokens[id], static_cast<int32_t>(id));
  }
  for (int byte = 0; byte < 256; ++byte) {
    const auto value = static_cast<unsigned char>(byte);
    const auto found =
        ids_.find(vocabulary_.byte_level ? std::string(1, static_cast<char>(value)) : name_of_byte(value));
    byte_ids_[value] = found == ids_.end() ? -1 : found->second;
  }
  make_rules();
  if (!vocabulary_.byte_level && !vocabulary_.ignore_merges) find_word_borders();
}

bool BytePairEncoding::loses_text() const {
  const bool has_all_bytes = std::ranges::find(byte_ids_, -1) == byte_ids_.end();
  return !has_all_bytes || !(vocabulary_.byte_level || vocabulary_.byte_fallback);
}

void BytePairEncoding::make_rules() {
  rules_.assign(std::bit_ceil(2 * vocabulary_.merges.size() + 2), {kNoPair, kNoRank, 0});
  for (size_t i = 0; i < vocabulary_.merges.size(); ++i) {
    const Merge& merge = vocabulary_.merges[i];
    const uint64_t pair = pair_of(merge.left, merge.right);
    size_t at = hash_of(pair) & (rules_.size() - 1);
    while (rules_[at].pair != kNoPair && rules_[at].pair != pair) at = (at + 1) & (rules_.size() - 1);
    rules_[at] = {pair, static_cast<int32_t>(i), merge.result};
  }
}

void BytePairEncoding::find_word_borders() {
  const char32_t mark = first_character(std::string(kSpaceMark));
  has_word_borders_ = ids_.contains(kSpaceMark);
  const auto is_byte = [&](int32_t id) { return std::ranges::find(byte_ids_, id) != byte_ids_.end(); };
  for (const Merge& merge : vocabulary_.merges) {
    const std::string &left = text_of(merge.left), &right = text_of(merge.right);
    // A merge of the tokens of bytes would reach over characters that stand in no merge.
    if (left.size() == 6 || right.size() == 6) has_word_borders_ &= !is_byte(merge.left) && !is_byte(merge.right);
    if (first_character(right) == mark) before_mark_.insert(last_character(left));
  }
}

const BytePairEncoding::Rule* BytePairEncoding::find_rule(int32_t left, int32_t right) const {
  const uint64_t pair = pair_of(left, right);
  for (size_t at = hash_of(pair) & (rules_.size() - 1);; at = (at + 1) & (rules_.size() - 1)) {
    if (rules_[at].pair == pair) return &rules_[at];
    if (rules_[at].pair == kNoPair) return nullptr;
  }
}

int32_t BytePairEncoding::rank_of(int32_t left, int32_t right) const {
  const Rule* const rule = find_rule(left, right);
  return rule == nullptr ? kNoRank : rule->rank;
}

void BytePairEncoding::encode(std::string_view piece, WordCache& cache, std::vector<int32_t>& ids) const {
  if (!has_word_borders_) return encode_word(piece, cache, ids);
  size_t begin = 0;
  for (size_t from = 1;;) {
    const size_t mark = piece.find(kSpaceMark, from);
    if (mark == std::string_view::npos) break;
    from = mark + 1;
    const char* before = piece.data() + mark;
    if (before_mark_.contains(decode_character_before(before))) continue;
    encode_word(piece.substr(begin, mark - begin), cache, ids);
    begin = mark;
  }
  encode_word(piece.substr(begin), cache, ids);
}

void BytePairEncoding::encode_word(std::string_view word, WordCache& cache, std::vector<int32_t>& ids) const {
  const bool cached = WordCache::can_hold(word);
  const WordCache::Key key = cached ? WordCache::key_of(word) : WordCache::Key{};
  if (cached) {
    if (const auto known = cache.find(key); !known.empty()) {
      ids.insert(ids.end(), known.begin(), known.end());
      return;
    }
  }
  std::vector<int32_t> symbols;
  const auto whole = vocabulary_.ignore_merges ? ids_.find(word) : ids_.end();
  if (whole != ids_.end()) {
    symbols = {whole->second};
  } else {
    add_symbols(word, symbols);
    symbols.size() <= kShortWord ? merge_short(symbols) : merge_long(symbols);
  }
  if (cached) cache.add(key, symbols);
  ids.insert(ids.end(), symbols.begin(), symbols.end());
}

void BytePairEncoding::add_symbols(std::string_view word, std::vector<int32_t>& symbols) const {
  symbols.reserve(word.size());
  if (!vocabulary_.byte_level) return add_characters(word, symbols);
  bool after_unknown = false;
  for (const char c : word) {
    const int32_t id = byte_ids_[static_cast<unsigned char>(c)];
    const bool unknown = id < 0;
    if (!unknown) {
      symbols.push_back(id);
    } else if (vocabulary_.unknown && !(after_unknown && vocabulary_.fuse_unknown)) {
      symbols.push_back(*vocabulary_.unknown);
    }
    after_unknown = unknown;
  }
}

void BytePairEncoding::add_characters(std::string_view word, std::vector<int32_t>& symbols) const {
  bool unknown_pending = false;
  const auto add_pending = [&] {
    if (std::exchange(unknown_pending, false)) symbols.push_back(*vocabulary_.unknown);
  };
  for (const char *at = word.data(), *const end = at + word.size(); at != end;) {
    const char* const begin = at;
    decode_character(at);
    const std::string_view character(begin, static_cast<size_t>(at - begin));
    if (const auto found = ids_.find(character); found != ids_.end()) {
      add_pending();
      symbols.push_back(found->second);
    } else if (vocabulary_.byte_fallback && add_bytes_of(character, symbols)) {
      // An unknown character before it is still pending, as in tokenizers.
    } else if (vocabulary_.unknown) {
      if (!vocabulary_.fuse_unknown) add_pending();
      unknown_pending = true;
    }
  }
  add_pending();
}

bool BytePairEncoding::add_bytes_of(std::string_view character, std::vector<int32_t>& symbols) const {
  const size_t before = symbols.size();
  for (const char c : character) {
    const int32_t id = byte_ids_[static_cast<unsigned char>(c)];
    if (id < 0) {
      symbols.resize(before);
      return false;
    }
    symbols.push_back(id);
  }
  return true;
}

/// Looks through all pairs for the best one, again and again: for a few symbols nothing is faster.
void BytePairEncoding::merge_short(std::vector<int32_t>& symbols) const {
  if (symbols.size() < 2) return;
  std::array<int32_t, kShortWord> ranks;  // of symbol i and the next one
  size_t pairs = symbols.size() - 1;
  for (size_t i = 0; i < pairs; ++i) ranks[i] = rank_of(symbols[i], symbols[i + 1]);
  while (pairs > 0) {
    const size_t best = static_cast<size_t>(std::min_element(ranks.begin(), ranks.begin() + pairs) - ranks.begin());
    if (ranks[best] == kNoRank) break;
    symbols[best] = find_rule(symbols[best], symbols[best + 1])->result;
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(best) + 1);
    std::copy(ranks.begin() + best + 1, ranks.begin() + pairs, ranks.begin() + best);
    --pairs;
    if (best > 0) ranks[best - 1] = rank_of(symbols[best - 1], symbols[best]);
    if (best < pairs) ranks[best] = rank_of(symbols[best], symbols[best + 1]);
  }
}

/// Keeps the pairs in a queue, and the symbols in a linked list.
void BytePairEncoding::merge_long(std::vector<int32_t>& symbols) const {
  struct Candidate {
    int32_t rank;
    uint32_t at;
    int32_t left, right;  // as they were when the pair was queued
    bool operator>(const Candidate& other) const { return std::tie(rank, at) > std::tie(other.rank, other.at); }
  };
  const auto count = static_cast<uint32_t>(symbols.size());
  std::vector<uint32_t> next(count), previous(count);
  for (uint32_t i = 0; i < count; ++i) {
    next[i] = i + 1;
    previous[i] = i - 1;
  }
  std::vector<Candidate> candidates;
  const auto candidate = [&](uint32_t at, auto add) {
    if (at >= count || next[at] >= count) return;
    const int32_t left = symbols[at], right = symbols[next[at]];
    if (const int32_t rank = rank_of(left, right); rank != kNoRank) add(Candidate{rank, at, left, right});
  };
  for (uint32_t i = 0; i < count; ++i) candidate(i, [&](const Candidate& found) { candidates.push_back(found); });
  std::priority_queue queue(std::greater<Candidate>(), std::move(candidates));
  const auto push = [&](const Candidate& found) { queue.push(found); };
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    const uint32_t after = next[best.at];
    if (symbols[best.at] != best.left || after >= count || symbols[after] != best.right) continue;
    symbols[best.at] = find_rule(best.left, best.right)->result;
    symbols[after] = kMerged;
    next[best.at] = next[after];
    if (next[after] < count) previous[next[after]] = best.at;
    candidate(previous[best.at], push);
    candidate(best.at, push);
  }
  std::erase(symbols, kMerged);
}

}  // namespace infini
