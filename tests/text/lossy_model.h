#pragma once

#include <sentencepiece_trainer.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace infini::testing {

/// A sentencepiece model of a few Latin letters without byte fallback: all else is <unk>, its token 0.
inline std::string lossy_model() {
  class Sentences : public sentencepiece::SentenceIterator {
   public:
    bool done() const override { return at_ == sentences_.size(); }
    void Next() override { ++at_; }
    const std::string& value() const override { return sentences_[at_]; }
    sentencepiece::util::Status status() const override { return {}; }

   private:
    std::vector<std::string> sentences_ = {"the wise men read the text", "a text is what they read", "men are wise"};
    size_t at_ = 0;
  } sentences;
  std::string model;
  const auto status = sentencepiece::SentencePieceTrainer::Train(
      "--vocab_size=40 --hard_vocab_limit=false --minloglevel=2", &sentences, &model);
  if (!status.ok()) throw std::runtime_error(status.ToString());
  return model;
}

}  // namespace infini::testing
