#include "objective/needle_task.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "log/error.h"

namespace infini {
namespace {

constexpr uint32_t kExamples = 0x6e65, kProbes = 0x7072;
/// The largest distance, in tokens, between a needle and its wanted depth. It is longer than a segment of a small
/// model.
constexpr int64_t kJitter = 128;
/// One in this many examples without a wanted depth has its evidence near the question. In a long text, chance alone
/// would hardly ever put the evidence partly into the question's segment and partly into the memory.
constexpr uint64_t kOneNearTheEnd = 4;

/// A random place near this share of the filler. Near the start and the end it stays inside the filler.
int64_t near(double depth, int64_t room, DeterministicRandom& random) {
  const int64_t place = std::llround(depth * static_cast<double>(room)) + random.between(-kJitter, kJitter);
  return std::clamp<int64_t>(place < 0 ? -place : place > room ? 2 * room - place : place, 0, room);
}

}  // namespace

int64_t NeedleTask::Encoded::length() const {
  auto length = static_cast<int64_t>(question.size() + answer.size());
  for (const auto& sentence : sentences) length += static_cast<int64_t>(sentence.size());
  return length;
}

NeedleTask::NeedleTask(const NeedleOptions& options, std::shared_ptr<const Tokenizer> tokenizer)
    : options_(options), tokenizer_(std::move(tokenizer)) {
  if (options_.fillers.empty() && options_.documents.empty()) throw UserError("the task has no filler; name one");
  introduction_ = tokenizer_->encode(kIntroduction);
  introduction_.insert(introduction_.begin(), tokenizer_->document_start());
  if (!options_.documents.empty()) {
    const TokenDataset documents(options_.documents);
    if (documents.vocab_size() != tokenizer_->vocab_size()) {
      throw UserError(options_.documents.string() + " has a vocabulary of " + std::to_string(documents.vocab_size()) +
                      " tokens, the task's tokenizer one of " + std::to_string(tokenizer_->vocab_size()) +
                      ": prepare it with the same tokenizer");
    }
    documents_fingerprint_ = documents.fingerprint();
    documents_ = Filler::of_documents(documents, sentence_ends(*tokenizer_));
  }
  // Numbers and names can differ in their count of tokens, so examples can differ in length.
  DeterministicRandom random(kProbes);
  for (const std::string& name : options_.fillers) Filler::of_sentences(name, *tokenizer_, random);
  for (int probe = 0; probe < 32; ++probe) {
    shortest_length_ = std::max(shortest_length_, encode(random).length() + 1);
  }
}

NeedleTask::Encoded NeedleTask::encode(DeterministicRandom& random) const {
  const Needles needles = make_needles(options_.kind, options_.digits, options_.needles, random);
  Encoded encoded;
  for (const std::string& sentence : needles.sentences) {
    encoded.sentences.push_back(encode_after_text(*tokenizer_, sentence));
  }
  encoded.evidence = needles.evidence;
  encoded.question = encode_after_text(*tokenizer_, needles.question);
  encoded.answer = encode_after_text(*tokenizer_, needles.answer);
  return encoded;
}

Filler NeedleTask::draw_filler(DeterministicRandom& random) const {
  const size_t choice = random.below(options_.fillers.size() + (documents_ ? 1 : 0));
  if (choice == options_.fillers.size()) return *documents_;
  return Filler::of_sentences(options_.fillers[choice], *tokenizer_, random);
}

int64_t NeedleTask::shortest_length(uint64_t seed, uint64_t index) const {
  DeterministicRandom random(seed, index, kExamples);
  return encode(random).length() + 1;
}

Example NeedleTask::example(uint64_t seed, uint64_t index, int64_t length, std::optional<double> depth) const {
  DeterministicRandom random(seed, index, kExamples);
  const Encoded needles = encode(random);
  const auto introduction = static_cast<int64_t>(introduction_.size());
  if (length < needles.length() + 1) {
    throw UserError("a length of " + std::to_string(length) + " tokens has no room for task " + options_.kind +
                    ", which needs " + std::to_string(needles.length() + 1));
  }
  // A short example has no introduction: there would be little room for anything else.
  const bool introduced = length >= needles.length() + 2 * introduction;
  const int64_t room = length - needles.length() - (introduced ? introduction : 1);

  // Take filler [end − room, end) of the endless text, so a sentence ends right before the question.
  const Filler filler = draw_filler(random);
  const int64_t end = filler.sentence_border(random.between(0, filler.period() - 1));
  const int64_t begin = end - room;

  // The place of a needle is the number of filler tokens before it.
  const size_t count = needles.sentences.size();
  std::vector<int64_t> places(count);
  const int64_t first = depth                               ? near(*depth, room, random)
                        : random.below(kOneNearTheEnd) == 0 ? near(1, room, random)
                                                            : random.between(0, room);
  const bool chain = needles.evidence.size() > 1;
  for (int64_t& place : places) place = random.between(chain ? first : 0, room);
  if (chain) std::sort(places.begin(), places.end());
  places[needles.evidence.front()] = first;
  for (int64_t& place : places) place = std::clamp<int64_t>(filler.sentence_border(begin + place) - begin, 0, room);

  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return places[a] < places[b]; });

  std::vector<Example::Part> parts{
      {introduced ? introduction_ : std::vector<int32_t>{tokenizer_->document_start()}, 0, 0, false}};
  int64_t done = 0;
  const auto fill_to = [&](int64_t place) {
    if (place > done) parts.push_back({{}, begin + done, place - done, false});
    done = place;
  };
  for (const size_t i : order) {
    fill_to(places[i]);
    const bool evidence = std::find(needles.evidence.begin(), needles.evidence.end(), i) != needles.evidence.end();
    parts.push_back({needles.sentences[i], 0, 0, evidence});
  }
  fill_to(room);
  parts.push_back({needles.question, 0, 0, false});
  parts.push_back({needles.answer, 0, 0, false});
  return {std::move(parts), filler, static_cast<int64_t>(needles.answer.size())};
}

}  // namespace infini
