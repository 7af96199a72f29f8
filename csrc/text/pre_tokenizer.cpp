#include "text/pre_tokenizer.h"

#include <algorithm>

#include "text/character_classes.h"
#include "text/replaced.h"
#include "text/utf8.h"

namespace infini {
namespace {

constexpr std::string_view kByteLevelScanner = "gpt2";

const WordScanner& byte_level_scanner() {
  return *std::ranges::find(word_scanners(), kByteLevelScanner, &WordScanner::name);
}

}  // namespace

void PreTokenizer::run(size_t stage, std::string_view text, bool first, const PieceSink& sink) const {
  if (text.empty()) return;
  if (stage == stages_.size()) return sink(text);
  std::visit([&](const auto& one) { run(stage, one, text, first, sink); }, stages_[stage]);
}

void PreTokenizer::run_words(size_t stage, const WordScanner& scanner, std::string_view text, bool first,
                             const PieceSink& sink) const {
  const bool last_stage = stage + 1 == stages_.size();
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, scanner.piece(text));
    text.remove_prefix(piece.size());
    if (last_stage) {
      sink(piece);
    } else {
      run(stage + 1, piece, first, sink);
    }
    first = false;
  }
}

std::vector<PreTokenizer::Part> PreTokenizer::parts_of(const Split& split, std::string_view text) {
  std::vector<Part> parts;
  size_t end_of_last = 0;
  const auto add_match = [&](size_t begin, size_t end) {
    if (begin > end_of_last) parts.push_back({end_of_last, begin, split.invert});
    parts.push_back({begin, end, !split.invert});
    end_of_last = end;
  };
  if (const auto* scanner = std::get_if<const WordScanner*>(&split.pattern)) {
    while (end_of_last < text.size()) add_match(end_of_last, end_of_last + (*scanner)->piece(text.substr(end_of_last)));
  } else if (const auto* expression = std::get_if<RegularExpression>(&split.pattern)) {
    expression->for_each_match(text, add_match);
  } else {
    const auto& literal = std::get<std::string>(split.pattern);
    for (size_t at; (at = text.find(literal, end_of_last)) != std::string_view::npos;)
      add_match(at, at + literal.size());
  }
  if (end_of_last < text.size()) parts.push_back({end_of_last, text.size(), split.invert});
  return parts;
}

void PreTokenizer::run_parts(size_t stage, std::vector<Part> parts, Behavior behavior, std::string_view text,
                             bool first, const PieceSink& sink) const {
  const auto merge = [&](auto from, auto to, auto join, auto belongs) {
    std::vector<Part> merged;
    bool previous_match = false;
    for (auto part = from; part != to; ++part) {
      if (!merged.empty() && belongs(part->match, previous_match)) {
        join(merged.back(), *part);
      } else {
        merged.push_back(*part);
      }
      previous_match = part->match;
    }
    return merged;
  };
  const auto extend = [](Part& before, const Part& part) { before.end = part.end; };
  const auto extend_back = [](Part& after, const Part& part) { after.begin = part.begin; };
  const auto is_first_match = [](bool match, bool previous_match) { return match && !previous_match; };
  switch (behavior) {
    case Behavior::isolated:
      break;
    case Behavior::removed:
      std::erase_if(parts, [](const Part& part) { return part.match; });
      break;
    case Behavior::contiguous:
      parts = merge(parts.begin(), parts.end(), extend, std::equal_to<>());
      break;
    case Behavior::merged_with_previous:
      parts = merge(parts.begin(), parts.end(), extend, is_first_match);
      break;
    case Behavior::merged_with_next:
      parts = merge(parts.rbegin(), parts.rend(), extend_back, is_first_match);
      std::ranges::reverse(parts);
      break;
  }
  for (const Part& part : parts) {
    run(stage + 1, text.substr(part.begin, part.end - part.begin), first && part.begin == 0, sink);
  }
}

void PreTokenizer::run(size_t stage, const Split& split, std::string_view text, bool first,
                       const PieceSink& sink) const {
  const bool keeps_words =
      split.behavior == Behavior::isolated || (split.behavior == Behavior::removed && split.invert);
  const auto* scanner = std::get_if<const WordScanner*>(&split.pattern);
  if (keeps_words && scanner != nullptr) return run_words(stage, **scanner, text, first, sink);
  run_parts(stage, parts_of(split, text), split.behavior, text, first, sink);
}

void PreTokenizer::run(size_t stage, const Digits& digits, std::string_view text, bool first,
                       const PieceSink& sink) const {
  const CharacterClasses& classes = CharacterClasses::table();
  const char *at = text.data(), *const end = at + text.size();
  while (at != end) {
    const char* const begin = at;
    const bool number = classes.is(decode_character(at), kNumber);
    while (at != end && !(number && digits.individual)) {
      const char* next = at;
      if (classes.is(decode_character(next), kNumber) != number) break;
      at = next;
    }
    run(stage + 1, {begin, static_cast<size_t>(at - begin)}, first && begin == text.data(), sink);
  }
}

void PreTokenizer::run(size_t stage, const ByteLevel& byte_level, std::string_view text, bool first,
                       const PieceSink& sink) const {
  std::string with_space;
  if (byte_level.add_prefix_space && text.front() != ' ') {
    with_space = " " + std::string(text);
    text = with_space;
  }
  if (byte_level.use_regex) return run_words(stage, byte_level_scanner(), text, first, sink);
  run(stage + 1, text, first, sink);
}

void PreTokenizer::run(size_t stage, const Metaspace& metaspace, std::string_view text, bool first,
                       const PieceSink& sink) const {
  const bool prepend =
      metaspace.prepend == PrependScheme::always || (metaspace.prepend == PrependScheme::first && first);
  const bool has_mark = text.front() == ' ' || text.starts_with(metaspace.replacement);
  const std::string marked =
      (prepend && !has_mark ? metaspace.replacement : "") + replaced(text, " ", metaspace.replacement);
  if (!metaspace.split) return run(stage + 1, marked, first, sink);
  for (size_t begin = 0; begin < marked.size();) {
    const size_t end = std::min(marked.find(metaspace.replacement, begin + 1), marked.size());
    run(stage + 1, std::string_view(marked).substr(begin, end - begin), first && begin == 0, sink);
    begin = end;
  }
}

bool PreTokenizer::can_be_cut() const {
  // All known patterns end a piece between a letter and a line end, and look ahead only from white space to white
  // space.
  const bool all_can = std::ranges::all_of(stages_, [](const Stage& stage) {
    if (const auto* split = std::get_if<Split>(&stage)) {
      return std::holds_alternative<const WordScanner*>(split->pattern) && split->behavior == Behavior::isolated;
    }
    if (const auto* byte_level = std::get_if<ByteLevel>(&stage)) return !byte_level->add_prefix_space;
    return std::holds_alternative<Digits>(stage);
  });
  const bool splits_words = std::ranges::any_of(stages_, [](const Stage& stage) {
    const auto* byte_level = std::get_if<ByteLevel>(&stage);
    return std::holds_alternative<Split>(stage) || (byte_level != nullptr && byte_level->use_regex);
  });
  return all_can && splits_words;
}

}  // namespace infini
