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
  std::string kind = "passkey";  ///< of needle_kinds()
  int64_t digits = 5;
  int64_t needles = 1;                           ///< keys, pairs or variables that are hidden
  std::vector<std::string> fillers = {"grass"};  ///< each example draws one of them, or of `documents`
  std::filesystem::path documents = {};          ///< a prepared split whose text is one more filler; empty: none
};

/// Needles in a haystack: the introduction (where there is room for it), filler, the needles at their depths, and at
/// the end the question with its answer. Each example depends on seed, index, length and depth alone.
class NeedleTask {
 public:
  /// Throws UserError for an unknown kind or filler, or documents of another vocabulary.
  NeedleTask(const NeedleOptions& options, std::shared_ptr<const Tokenizer> tokenizer);

  /// A document of exactly `length` tokens, its document_start and answer included. `depth` is the share of the filler
  /// that stands before the first sentence that the answer needs, 0 to 1, up to 128 tokens to either side and back to
  /// the end of a sentence: it stands everywhere in a segment. Without it, it is random, and near the end in one of
  /// four. Other needles are anywhere, or after the first in a chain. Throws UserError if the needles do not fit.
  Example example(uint64_t seed, uint64_t index, int64_t length, std::optional<double> depth = std::nullopt) const;

  /// What nearly any example of these options has room in; with a tokenizer of bytes and one number, every one.
  int64_t shortest_length() const { return shortest_length_; }
  /// What this example needs.
  int64_t shortest_length(uint64_t seed, uint64_t index) const;
  /// The content of the documents that are one of its fillers; null where it has none.
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
