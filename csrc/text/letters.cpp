#include "text/letters.h"

#include <locale.h>
#include <utf8.h>
#include <wctype.h>

#include <iterator>

namespace infini {

std::string lower_case_letter(std::string_view character) {
  // Never freed: it serves until the program ends.
  static const locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (character.size() == 1) {
    const char byte = character.front();
    if (byte >= 'a' && byte <= 'z') return {byte};
    if (byte >= 'A' && byte <= 'Z') return {static_cast<char>(byte - 'A' + 'a')};
    return "";
  }
  if (character.empty() || !utf8::is_valid(character.begin(), character.end())) return "";
  auto at = character.begin();
  const auto code = static_cast<wint_t>(utf8::unchecked::next(at));
  if (at != character.end()) return "";
  if (unicode == nullptr) return std::string(character);
  if (iswalpha_l(code, unicode) == 0) return "";
  std::string letter;
  utf8::unchecked::append(static_cast<uint32_t>(towlower_l(code, unicode)), std::back_inserter(letter));
  return letter;
}

}  // namespace infini
