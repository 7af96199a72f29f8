#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "objective/example.h"
#include "objective/filler.h"
#include "objective/needles.h"
#include "text/tokenizer.h"

namespace infini {

struct NeedleOptions {
  std::string kind = "passkey";  ///< a name in needle_kinds()
  int64_t digits = 5;
  int64_t needles = 1;                           ///< hidden keys, pairs or variables
  std::vector<std::string> fillers = {"grass"};  ///< each example draws one of them, or `documents`
  std::filesystem::path documents = {};          ///< a prepared split whose text is one more filler; empty: none
};

/// Needles in a haystack. An example has an introduction (if there is room for it), filler with the needles at their
/// depths, and at the end the question with its answer. It depends only on seed, index, length and depth.
class NeedleTask {
 public:
  /// Throws UserError for an unknown kind or filler, or documents of another vocabulary.
  NeedleTask(const NeedleOptions& options, std::shared_ptr<const Tokenizer> tokenizer);

  /// A document of exactly `length` tokens, including document_start and answer. `depth` (0 to 1) is the share of the
  /// filler before the first sentence that the answer needs. The place is up to 128 tokens away from this depth, and
  /// then moved back to the end of a sentence, so the sentence occurs at every place in a segment. Without `depth` the
  /// place is random; in one of four examples it is near the end. Other needles are anywhere; in a chain they come
  /// after the first. Throws UserError if the needles do not fit.
  Example example(uint64_t seed, uint64_t index, int64_t length, std::optional<double> depth = std::nullopt) const;

  /// A length that is enough for nearly every example with these options. It is enough for every example if the
  /// tokenizer is bytes and there is only one number.
  int64_t shortest_length() const { return shortest_length_; }
  /// The length that this example needs.
  int64_t shortest_length(uint64_t seed, uint64_t index) const;
  /// An identity of the content of the documents that serve as filler; null if there are none.
  const nlohmann::json& documents_fingerprint() const { return documents_fingerprint_; }
  const NeedleOptions& options() const { return options_; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }

 private:
  struct Encoded {
    std::vector<std::vector<int32_t>> sentences;
    std::vector<size_t> evidence;
    std::vector<int32_t> question, answer;
    int64_t length() const;
  };
  Encoded encode(DeterministicRandom& random) const;
  Filler draw_filler(DeterministicRandom& random) const;

  NeedleOptions options_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<int32_t> introduction_;
  std::optional<Filler> documents_;
  nlohmann::json documents_fingerprint_;
  int64_t shortest_length_ = 0;
};

}  // namespace infini
