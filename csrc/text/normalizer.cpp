#include "text/normalizer.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uniset.h>

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>

#include "text/character_classes.h"
#include "text/replaced.h"
#include "text/utf8.h"

namespace infini {
namespace {

/// The normal forms, restricted to the characters of Unicode 9. ICU keeps the restricted ones only by reference.
class NormalForms {
 public:
  static const icu::Normalizer2& get(Normalizer::Form form) {
    static const NormalForms forms;
    return *forms.forms_[static_cast<size_t>(form)];
  }

 private:
  NormalForms() {
    UErrorCode error = U_ZERO_ERROR;
    characters_.applyPattern(u"[:age=9.0:]", error);
    characters_.freeze();
    const std::array all = {icu::Normalizer2::getNFCInstance(error), icu::Normalizer2::getNFDInstance(error),
                            icu::Normalizer2::getNFKCInstance(error), icu::Normalizer2::getNFKDInstance(error)};
    if (U_FAILURE(error)) throw std::runtime_error(std::string("ICU has no normal forms: ") + u_errorName(error));
    for (size_t i = 0; i < all.size(); ++i) forms_[i].emplace(*all[i], characters_);
  }

  icu::UnicodeSet characters_;
  std::array<std::optional<icu::FilteredNormalizer2>, 4> forms_;
};

/// Every character up to U+02FF is in NFC, and nothing composes with it from behind. In NFD and NFKC only ASCII is.
bool is_surely_normal(std::string_view text, Normalizer::Form form) {
  const unsigned char limit = form == Normalizer::Form::nfc ? 0xCC : 0x80;
  return std::ranges::all_of(text, [&](char c) { return static_cast<unsigned char>(c) < limit; });
}

std::optional<std::string> changed(const Normalizer::Form& form, std::string_view text) {
  if (is_surely_normal(text, form)) return std::nullopt;
  std::string result;
  icu::StringByteSink<std::string> sink(&result, static_cast<int32_t>(text.size()));
  UErrorCode error = U_ZERO_ERROR;
  NormalForms::get(form).normalizeUTF8(0, {text.data(), static_cast<int32_t>(text.size())}, sink, nullptr, error);
  if (U_FAILURE(error)) throw std::runtime_error(std::string("ICU cannot normalise a text: ") + u_errorName(error));
  return result;
}

std::optional<std::string> changed(const Normalizer::Prepend& step, std::string_view text) {
  if (text.empty()) return std::nullopt;
  return step.text + std::string(text);
}

std::optional<std::string> changed(const Normalizer::ReplaceText& step, std::string_view text) {
  if (text.find(step.pattern) == std::string_view::npos) return std::nullopt;
  return replaced(text, step.pattern, step.by);
}

std::optional<std::string> changed(const Normalizer::ReplaceMatches& step, std::string_view text) {
  std::string result;
  size_t from = 0;
  step.pattern.for_each_match(text, [&](size_t begin, size_t end) {
    result += text.substr(from, begin - from);
    result += step.by;
    from = end;
  });
  return result += text.substr(from);
}

std::optional<std::string> changed(const Normalizer::Strip& step, std::string_view text) {
  const CharacterClasses& classes = CharacterClasses::table();
  const char *begin = text.data(), *end = begin + text.size();
  for (const char* next = begin; step.left && begin != end; begin = next) {
    if (!classes.is(decode_character(next), kWhiteSpace)) break;
  }
  for (const char* before = end; step.right && begin != end; end = before) {
    if (!classes.is(decode_character_before(before), kWhiteSpace)) break;
  }
  return std::string(begin, end);
}

}  // namespace

std::string_view Normalizer::apply(std::string_view text, std::string& storage) const {
  for (const Step& step : steps_) {
    std::optional<std::string> result = std::visit([&](const auto& one) { return changed(one, text); }, step);
    if (!result) continue;
    storage = std::move(*result);
    text = storage;
  }
  return text;
}

bool Normalizer::can_be_cut() const {
  return std::ranges::all_of(steps_, [](const Step& step) {
    if (const auto* replace = std::get_if<ReplaceText>(&step)) return replace->pattern.find('\n') == std::string::npos;
    return std::holds_alternative<Form>(step);
  });
}

}  // namespace infini
