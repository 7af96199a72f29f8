#include "text/sentencepiece_training.h"

#include <sentencepiece_trainer.h>

#include <cstdlib>
#include <random>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "log/error.h"
#include "text/utf8.h"

namespace infini {
namespace {

constexpr size_t kSentences = 500'000;
constexpr size_t kSentenceBytes = 512;

/// Keeps a uniform sample of all added sentences (Vitter's algorithm R).
class Reservoir {
 public:
  explicit Reservoir(uint64_t seed) : generator_(seed) {}

  void add(std::string_view sentence) {
    ++seen_;
    if (sentences_.size() < kSentences) {
      sentences_.emplace_back(sentence);
      return;
    }
    // The modulo's bias is below 1e-9 for any number of sentences that fits on a disk.
    const uint64_t place = generator_() % seen_;
    if (place < kSentences) sentences_[place] = sentence;
  }

  std::vector<std::string> take() { return std::move(sentences_); }

 private:
  std::mt19937_64 generator_;
  uint64_t seen_ = 0;
  std::vector<std::string> sentences_;
};

/// Cuts a line into pieces of at most kSentenceBytes, at a space if possible.
void add_line(std::string_view line, Reservoir& reservoir) {
  while (line.size() > kSentenceBytes) {
    const size_t space = line.rfind(' ', kSentenceBytes);
    const size_t cut = space != std::string_view::npos && space > 0
                           ? space
                           : static_cast<size_t>(character_border(line, kSentenceBytes));
    reservoir.add(line.substr(0, cut));
    line.remove_prefix(cut);
  }
  if (!line.empty()) reservoir.add(line);
}

void add_text(std::string_view text, Reservoir& reservoir) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    add_line(text.substr(0, end), reservoir);
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

class Sentences : public sentencepiece::SentenceIterator {
 public:
  explicit Sentences(const std::vector<std::string>& sentences) : sentences_(sentences) {}
  bool done() const override { return at_ == sentences_.size(); }
  void Next() override { ++at_; }
  const std::string& value() const override { return sentences_[at_]; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  const std::vector<std::string>& sentences_;
  size_t at_ = 0;
};

/// sentencepiece's message without the place in its source code. The original is "./src/file.cc(660) [condition]
/// Message".
std::string reason(std::string_view message) {
  const size_t condition = message.rfind("] ");
  return std::string(condition == std::string_view::npos ? message : message.substr(condition + 2));
}

/// The reason that sentencepiece gives. If the vocabulary size is wrong, a size that works instead: sentencepiece
/// advises to use options that `infini prepare` does not have.
std::string advice(const std::string& failure) {
  const auto after = [&](std::string_view words) {
    const size_t at = failure.find(words);
    return at == std::string::npos ? std::string() : std::to_string(std::atoll(failure.c_str() + at + words.size()));
  };
  if (const std::string most = after("set it to a value <= "); !most.empty()) {
    return "this text allows at most " + most + "; ask for that";
  }
  if (const std::string least = after(" vs "); !least.empty()) {
    return "its bytes and characters alone are " + least + "; ask for at least that";
  }
  return failure;
}

}  // namespace

std::string train_sentencepiece(const NextText& next, int64_t vocab_size, uint64_t seed) {
  Reservoir reservoir(seed);
  std::string text;
  while (next(text)) add_text(text, reservoir);
  const std::vector<std::string> sentences = reservoir.take();
  if (sentences.empty()) throw UserError("cannot train a tokenizer: the source has no text");

  const std::unordered_map<std::string, std::string> options = {
      {"vocab_size", std::to_string(vocab_size)},
      {"model_type", "unigram"},
      {"byte_fallback", "true"},
      {"normalization_rule_name", "identity"},
      {"remove_extra_whitespaces", "false"},
      {"allow_whitespace_only_pieces", "true"},
      {"add_dummy_prefix", "false"},
      {"split_digits", "true"},
      {"minloglevel", "2"},
      // In the EM algorithm each thread sums its own share of the sentences. A fixed number of threads gives the same
      // result on every machine.
      {"num_threads", "16"},
  };
  Sentences iterator(sentences);
  std::string model;
  const auto status = sentencepiece::SentencePieceTrainer::Train(options, &iterator, &model);
  if (!status.ok()) {
    throw UserError("cannot train a sentencepiece model of " + std::to_string(vocab_size) +
                    " tokens: " + advice(reason(status.message())));
  }
  return model;
}

}  // namespace infini
