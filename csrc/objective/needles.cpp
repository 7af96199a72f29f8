#include "objective/needles.h"

#include <algorithm>
#include <array>

#include "log/error.h"

namespace infini {
namespace {

constexpr std::array<std::string_view, 24> kPeople = {
    "Ada",  "Bruno", "Clara", "David", "Elena", "Felix", "Greta", "Hugo", "Irene", "Jonas",  "Karin", "Louis",
    "Mara", "Nils",  "Olga",  "Pedro", "Rosa",  "Simon", "Tara",  "Uwe",  "Vera",  "Walter", "Yara",  "Zeno"};

std::string number(int64_t digits, DeterministicRandom& random) {
  std::string text(1, static_cast<char>('1' + random.below(9)));
  while (static_cast<int64_t>(text.size()) < digits) text += static_cast<char>('0' + random.below(10));
  return text;
}

/// Three syllables: "kotiva".
std::string made_up_word(DeterministicRandom& random) {
  constexpr std::string_view consonants = "bdfgklmnprstv", vowels = "aeiou";
  std::string word;
  for (int syllable = 0; syllable < 3; ++syllable) {
    word += consonants[random.below(consonants.size())];
    word += vowels[random.below(vowels.size())];
  }
  return word;
}

/// `count` names, all different.
template <typename Draw>
std::vector<std::string> distinct(int64_t count, const Draw& draw) {
  std::vector<std::string> names;
  while (static_cast<int64_t>(names.size()) < count) {
    std::string name = draw();
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

Needles passkey(int64_t digits, int64_t count, DeterministicRandom& random) {
  if (count != 1) throw UserError("task passkey hides one key, needles is " + std::to_string(count) + "; see passkeys");
  const std::string key = number(digits, random);
  return {{"The pass key is " + key + ". Remember it. " + key + " is the pass key."},
          {0},
          "What is the pass key? The pass key is",
          key};
}

/// Numbers with names. The question asks for one of them.
template <typename Sentence, typename Question>
Needles named_numbers(const std::vector<std::string>& names, int64_t digits, DeterministicRandom& random,
                      const Sentence& sentence, const Question& question) {
  Needles needles;
  std::vector<std::string> numbers;
  for (const std::string& name : names) {
    numbers.push_back(number(digits, random));
    needles.sentences.push_back(sentence(name, numbers.back()));
  }
  const size_t asked = random.below(names.size());
  needles.evidence = {asked};
  needles.question = question(names[asked]);
  needles.answer = numbers[asked];
  return needles;
}

Needles passkeys(int64_t digits, int64_t count, DeterministicRandom& random) {
  if (count > static_cast<int64_t>(kPeople.size())) {
    throw UserError("task passkeys has names for " + std::to_string(kPeople.size()) + " keys, needles is " +
                    std::to_string(count));
  }
  const auto people = distinct(count, [&] { return std::string(kPeople[random.below(kPeople.size())]); });
  return named_numbers(
      people, digits, random,
      [](const std::string& person, const std::string& key) {
        return "The pass key of " + person + " is " + key + ". Remember it. " + key + " is the pass key of " + person +
               ".";
      },
      [](const std::string& person) {
        return "What is the pass key of " + person + "? The pass key of " + person + " is";
      });
}

Needles key_value(int64_t digits, int64_t count, DeterministicRandom& random) {
  const auto words = distinct(count, [&] { return made_up_word(random); });
  return named_numbers(
      words, digits, random,
      [](const std::string& word, const std::string& value) { return "The value of " + word + " is " + value + "."; },
      [](const std::string& word) { return "What is the value of " + word + "? The value of " + word + " is"; });
}

Needles variables(int64_t digits, int64_t count, DeterministicRandom& random) {
  const auto words = distinct(count, [&] { return made_up_word(random); });
  Needles needles;
  needles.answer = number(digits, random);
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string value = i == 0 ? needles.answer : "the variable " + words[i - 1];
    needles.sentences.push_back("The variable " + words[i] + " is " + value + ".");
    needles.evidence.push_back(i);
  }
  needles.question = "Which number is the variable " + words.back() + "? The variable " + words.back() + " is";
  return needles;
}

struct Kind {
  std::string_view name;
  Needles (*make)(int64_t digits, int64_t count, DeterministicRandom& random);
};
constexpr std::array<Kind, 4> kKinds = {
    {{"passkey", passkey}, {"passkeys", passkeys}, {"key_value", key_value}, {"variables", variables}}};
constexpr int64_t kMost = 1000;

}  // namespace

const std::string_view kIntroduction =
    "There is an important info hidden inside a lot of irrelevant text. Find it and memorize them. I will quiz you "
    "about the important information there.";

std::string needle_kinds() {
  std::string names;
  for (const Kind& kind : kKinds) names += (names.empty() ? "" : ", ") + std::string(kind.name);
  return names;
}

Needles make_needles(std::string_view kind, int64_t digits, int64_t count, DeterministicRandom& random) {
  if (digits > kMost || count > kMost) {
    throw UserError("a task has at most " + std::to_string(kMost) + " needles of " + std::to_string(kMost) + " digits");
  }
  for (const Kind& known : kKinds) {
    if (known.name == kind) return known.make(digits, count, random);
  }
  throw UserError("no task '" + std::string(kind) + "'; there are " + needle_kinds());
}

}  // namespace infini
