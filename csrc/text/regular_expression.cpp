#include "text/regular_expression.h"

#include <optional>
#include <unordered_map>
#include <utility>

#include "io/json_object.h"
#include "log/error.h"
#include "text/character_classes.h"
#include "text/oniguruma_syntax.h"
#include "text/utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <unicode/uchar.h>
#include <unicode/uscript.h>

namespace infini {

template <auto release>
struct Release {
  template <typename T>
  void operator()(T* object) const {
    release(object);
  }
};
using Code = std::unique_ptr<pcre2_code, Release<pcre2_code_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Release<pcre2_match_context_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Release<pcre2_match_data_free>>;
using JitStack = std::unique_ptr<pcre2_jit_stack, Release<pcre2_jit_stack_free>>;

namespace {

constexpr uint32_t kMatchLimit = 5'000'000;
constexpr uint32_t kHeapLimit = 256 << 10;  // KiB
constexpr size_t kJitStack = 64 << 20;

std::string message_of(int error) {
  PCRE2_UCHAR message[256];
  pcre2_get_error_message(error, message, sizeof message);
  return reinterpret_cast<const char*>(message);
}

/// The Unicode version of PCRE2, times ten.
int pcre2_unicode_version() {
  PCRE2_UCHAR version[64];
  pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, version);
  const std::string text = reinterpret_cast<const char*>(version);
  return 10 * std::stoi(text) + (text.find('.') == std::string::npos ? 0 : text[text.find('.') + 1] - '0');
}

/// Characters that PCRE2 does not know yet, each with an old character of the same category and the same number of
/// bytes. (Of the scripts that patterns name, the new characters are Han.)
class Substitutes {
 public:
  static const Substitutes& table() {
    static const Substitutes substitutes;
    return substitutes;
  }

  /// The text as PCRE2 should see it, or nothing if it knows all characters.
  std::optional<std::string> shadow(std::string_view text) const {
    if (substitutes_.empty()) return std::nullopt;
    std::optional<std::string> result;
    for (const char *at = text.data(), *const end = at + text.size(); at != end;) {
      const auto offset = static_cast<size_t>(at - text.data());
      const auto found = substitutes_.find(decode_character(at));
      if (found == substitutes_.end()) continue;
      if (!result) result = text;
      result->replace(offset, found->second.size(), found->second);
    }
    return result;
  }

 private:
  struct Kind {
    int category;
    size_t bytes;
    bool han;
    bool operator==(const Kind&) const = default;
  };
  struct KindHash {
    size_t operator()(const Kind& kind) const {
      return static_cast<size_t>(kind.category) * 16 + kind.bytes * 2 + kind.han;
    }
  };

  Substitutes() {
    const int known = pcre2_unicode_version();
    std::unordered_map<Kind, std::string, KindHash> old;
    std::vector<std::pair<char32_t, Kind>> unknown;
    const auto kind_of = [](char32_t character, int category, bool han) {
      return Kind{category, encode_character(character).size(), han};
    };
    for (char32_t character = 0x80; character < 0x110000; ++character) {
      const auto code = static_cast<UChar32>(character);
      const int category = u_charType(code);
      if (category == U_UNASSIGNED || category == U_SURROGATE || category == U_PRIVATE_USE_CHAR) continue;
      UVersionInfo age;
      u_charAge(code, age);
      const Kind kind = kind_of(character, category, is_han(code));
      if (10 * age[0] + age[1] > known) {
        unknown.emplace_back(character, kind);
      } else {
        old.try_emplace(kind, encode_character(character));
      }
    }
    for (const NewCharacters& range : new_characters()) {
      if (range.version <= known) continue;
      const int category = category_named(range.category);
      const bool han = range.version == 151 && range.category == std::string_view("Lo");
      for (char32_t character = range.first; character <= range.last; ++character) {
        unknown.emplace_back(character, kind_of(character, category, han));
      }
    }
    for (const auto& [character, kind] : unknown) {
      if (const auto found = old.find(kind); found != old.end()) substitutes_[character] = found->second;
    }
  }

  static bool is_han(UChar32 code) {
    UErrorCode error = U_ZERO_ERROR;
    return uscript_getScript(code, &error) == USCRIPT_HAN;
  }

  static int category_named(std::string_view name) {
    const char* const all[] = {"Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Me", "Mc", "Nd",
                               "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Co", "Cs", "Pd",
                               "Ps", "Pe", "Pc", "Po", "Sm", "Sc", "Sk", "So", "Pi", "Pf"};
    int category = 0;  // in the order of ICU's UCharCategory
    while (all[category] != name) ++category;
    return category;
  }

  std::unordered_map<char32_t, std::string> substitutes_;
};

}  // namespace

struct RegularExpression::Compiled {
  Code code;
  MatchContext context;
};

RegularExpression::RegularExpression(std::string pattern) : pattern_(std::move(pattern)) {
  if (pattern_.size() > (1 << 16))
    throw UserError("a pattern of " + std::to_string(pattern_.size()) + " bytes is too long");
  const std::string translated = pcre2_pattern(pattern_);
  const std::unique_ptr<pcre2_compile_context, Release<pcre2_compile_context_free>> rules(
      pcre2_compile_context_create(nullptr));
  pcre2_set_newline(rules.get(), PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(rules.get(), 100);
  int error = 0;
  size_t offset = 0;
  Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                          PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &offset, rules.get()));
  if (!code) throw UserError("the pattern " + shown(pattern_) + " is no regular expression: " + message_of(error));
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);  // without it, matching is slower and right
  MatchContext context(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(context.get(), kMatchLimit);
  pcre2_set_heap_limit(context.get(), kHeapLimit);
  auto compiled = std::make_unique<Compiled>();
  compiled->code = std::move(code);
  compiled->context = std::move(context);
  compiled_ = std::move(compiled);
}

RegularExpression::~RegularExpression() = default;
RegularExpression::RegularExpression(RegularExpression&&) noexcept = default;
RegularExpression& RegularExpression::operator=(RegularExpression&&) noexcept = default;

void RegularExpression::for_each_match(std::string_view text, const std::function<void(size_t, size_t)>& found) const {
  const std::optional<std::string> shadow = Substitutes::table().shadow(text);
  const auto* const subject = reinterpret_cast<PCRE2_SPTR>(shadow ? shadow->data() : text.data());
  const MatchData data(pcre2_match_data_create_from_pattern(compiled_->code.get(), nullptr));
  const size_t* const range = pcre2_get_ovector_pointer(data.get());
  MatchContext context(pcre2_match_context_copy(compiled_->context.get()));
  JitStack stack;
  std::optional<size_t> last_end;
  for (size_t at = 0; at <= text.size();) {
    int result =
        pcre2_match(compiled_->code.get(), subject, text.size(), at, PCRE2_NO_UTF_CHECK, data.get(), context.get());
    if (result == PCRE2_ERROR_JIT_STACKLIMIT && !stack) {
      stack.reset(pcre2_jit_stack_create(1 << 20, kJitStack, nullptr));
      pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
      continue;
    }
    if (result == PCRE2_ERROR_NOMATCH) return;
    if (result < 0) {
      throw UserError("the pattern " + shown(pattern_) + " takes too long at byte " + std::to_string(at) + " of " +
                      std::to_string(text.size()) + ": " + message_of(result));
    }
    const size_t begin = range[0], end = range[1];
    if (begin == end && last_end == end) {
      if (at == text.size()) return;
      at += leading_character(text.substr(at)).size;
      continue;
    }
    at = end;
    last_end = end;
    found(begin, end);
  }
}

}  // namespace infini
