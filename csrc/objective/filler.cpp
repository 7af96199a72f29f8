#include "objective/filler.h"

#include <algorithm>
#include <array>

#include "log/error.h"

namespace infini {
namespace {

struct BuiltIn {
  std::string_view name;
  std::array<std::string_view, 6> sentences;
};

constexpr std::array<BuiltIn, 9> kBuiltIns = {{
    {"grass",
     {"The grass is green.", "The sky is blue.", "The sun is yellow.", "Here we go.", "There and back again."}},
    {"harbour",
     {"The boats lie at the quay.", "A gull sits on the roof.", "The tide comes in slowly.",
      "Nets are drying in the wind.", "Somebody whistles a tune.", "The bell rings at noon."}},
    {"kitchen",
     {"The kettle is on the stove.", "Bread rises under a cloth.", "The window is open.", "A spoon falls to the floor.",
      "It smells of onions.", "The clock on the wall is late."}},
    {"market",
     {"People walk from stall to stall.", "The apples are red this year.", "An old man sells brooms.",
      "Children run after a dog.", "It will rain before long.", "Nobody is in a hurry."}},
    {"railway",
     {"The train leaves without us.", "Dust lies on the timetable.", "A porter leans at the door.",
      "The rails hum for a while.", "Then it is quiet again.", "We wait for the next one."}},
    {"garden",
     {"Bees are in the lavender.", "The gate needs paint.", "A hose drips on the stones.",
      "The cat sleeps under the pear tree.", "Weeds grow along the path.", "It has been a dry month."}},
    // The shipped configurations do not train on these.
    {"winter",
     {"Snow covers the fields.", "The pond is frozen over.", "Smoke rises from every chimney.",
      "Tracks lead into the forest.", "The days are short now.", "A crow calls twice."}},
    {"library",
     {"The shelves reach to the ceiling.", "Pages turn in the next room.", "Please keep your voice down.",
      "A lamp burns on the desk.", "The catalogue is out of date.", "Someone has left a scarf."}},
    {"mountain",
     {"The trail bends to the left.", "Water runs between the rocks.", "Clouds hang below the ridge.",
      "We rest on a flat stone.", "The hut cannot be far.", "Goats look down at us."}},
}};

/// The filler "words" makes its sentences from these. The text is different in each example, so no model can learn it
/// by heart.
constexpr std::string_view kWords = "words";
constexpr std::array<std::string_view, 64> kVocabulary = {
    "about",  "above",  "after", "again",  "air",    "all",   "and",    "any",   "at",     "away",  "back",
    "before", "behind", "big",   "book",   "by",     "chair", "cold",   "day",   "door",   "down",  "early",
    "every",  "far",    "few",   "fire",   "from",   "good",  "half",   "hand",  "he",     "house", "in",
    "just",   "large",  "late",  "letter", "little", "long",  "many",   "my",    "never",  "night", "old",
    "on",     "over",   "paper", "quite",  "river",  "round", "she",    "side",  "some",   "stood", "table",
    "then",   "they",   "to",    "town",   "under",  "until", "walked", "water", "without"};
constexpr int64_t kFewestWords = 3, kMostWords = 8;

std::string random_sentence(DeterministicRandom& random) {
  std::string sentence;
  for (int64_t words = random.between(kFewestWords, kMostWords); words > 0; --words) {
    if (!sentence.empty()) sentence += ' ';
    sentence += kVocabulary[random.below(kVocabulary.size())];
  }
  sentence.front() = static_cast<char>(sentence.front() - 'a' + 'A');
  return sentence + ".";
}

/// Enough random sentences that a model cannot use the repetition.
constexpr int64_t kShuffledSentences = 240;
/// How many tokens back to search for the end of a sentence.
constexpr int64_t kLongestSentence = 1024;

const BuiltIn& built_in(std::string_view name) {
  for (const BuiltIn& filler : kBuiltIns) {
    if (filler.name == name) return filler;
  }
  throw UserError("no filler '" + std::string(name) + "'; there are " + filler_names());
}

int64_t floor_modulo(int64_t value, int64_t modulus) {
  const int64_t remainder = value % modulus;
  return remainder < 0 ? remainder + modulus : remainder;
}

}  // namespace

std::string filler_names() {
  std::string names;
  for (const BuiltIn& filler : kBuiltIns) names += std::string(filler.name) + ", ";
  return names + std::string(kWords);
}

// Encodes the text after a full stop, then removes the full stop.
std::vector<int32_t> encode_after_text(const Tokenizer& tokenizer, std::string_view text) {
  const std::vector<int32_t> before = tokenizer.encode("."), all = tokenizer.encode(". " + std::string(text));
  if (all.size() <= before.size() || !std::equal(before.begin(), before.end(), all.begin())) {
    throw UserError("the tokenizer joins a full stop and the word after it, so that texts cannot be put together");
  }
  return {all.begin() + static_cast<int64_t>(before.size()), all.end()};
}

std::shared_ptr<const std::vector<bool>> sentence_ends(const Tokenizer& tokenizer) {
  auto ends = std::make_shared<std::vector<bool>>();
  for (int64_t token = 0; token < tokenizer.vocab_size(); ++token) {
    const std::string text = tokenizer.decode({static_cast<int32_t>(token)});
    ends->push_back(!text.empty() && std::string_view(".!?\n").find(text.back()) != std::string_view::npos);
  }
  return ends;
}

Filler Filler::of_sentences(std::string_view name, const Tokenizer& tokenizer, DeterministicRandom& random) {
  std::vector<std::vector<int32_t>> sentences;
  if (name == kWords) {
    for (int64_t i = 0; i < kShuffledSentences; ++i) {
      sentences.push_back(encode_after_text(tokenizer, random_sentence(random)));
    }
  } else {
    for (const std::string_view sentence : built_in(name).sentences) {
      if (!sentence.empty()) sentences.push_back(encode_after_text(tokenizer, sentence));
    }
  }
  const bool in_order = name == kBuiltIns.front().name;
  const auto count = in_order ? static_cast<int64_t>(sentences.size()) : kShuffledSentences;
  auto tokens = std::make_shared<std::vector<int32_t>>();
  auto ends = std::make_shared<std::vector<bool>>(tokenizer.vocab_size(), false);
  for (int64_t i = 0; i < count; ++i) {
    const auto& sentence = sentences[in_order ? static_cast<size_t>(i) : random.below(sentences.size())];
    tokens->insert(tokens->end(), sentence.begin(), sentence.end());
    (*ends)[static_cast<size_t>(tokens->back())] = true;
  }
  Filler filler;
  filler.period_ = static_cast<int64_t>(tokens->size());
  filler.tokens_ = std::move(tokens);
  filler.sentence_ends_ = std::move(ends);
  return filler;
}

Filler Filler::of_documents(const TokenDataset& documents, std::shared_ptr<const std::vector<bool>> sentence_ends) {
  Filler filler;
  auto begins = std::make_shared<std::vector<int64_t>>(1, 0);
  // Leaves out document_start and eos, since the filler is one text.
  for (int64_t i = 0; i < documents.documents(); ++i) begins->push_back(begins->back() + documents.text_length(i));
  filler.period_ = begins->back();
  if (filler.period_ == 0) throw UserError("the split that filler comes from is empty");
  filler.document_begins_ = std::move(begins);
  filler.documents_ = documents;
  filler.sentence_ends_ = std::move(sentence_ends);
  return filler;
}

void Filler::read(int64_t begin, std::span<int64_t> out) const {
  for (size_t done = 0; done < out.size();) {
    const int64_t position = floor_modulo(begin + static_cast<int64_t>(done), period_);
    const auto wanted = static_cast<int64_t>(out.size() - done);
    int64_t count;
    if (documents_) {
      const auto after = std::upper_bound(document_begins_->begin(), document_begins_->end(), position);
      const int64_t document = after - document_begins_->begin() - 1, first = *(after - 1);
      count = std::min(wanted, *after - position);
      documents_->read(document, position - first + 1, position - first + 1 + count, out.data() + done);
    } else {
      count = std::min(wanted, period_ - position);
      std::copy_n(tokens_->begin() + position, count, out.begin() + static_cast<int64_t>(done));
    }
    done += static_cast<size_t>(count);
  }
}

int64_t Filler::sentence_border(int64_t position) const {
  std::vector<int64_t> before(kLongestSentence);
  read(position - kLongestSentence, before);
  for (int64_t back = 0; back < kLongestSentence; ++back) {
    const auto token = static_cast<size_t>(before[static_cast<size_t>(kLongestSentence - 1 - back)]);
    if ((*sentence_ends_)[token]) return position - back;
  }
  return position;
}

}  // namespace infini
