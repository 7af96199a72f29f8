#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/deterministic_random.h"
#include "data/token_dataset.h"
#include "text/tokenizer.h"

namespace infini {

/// The names of the built-in fillers, "grass, harbour, …": "grass" (the passkey test's own five sentences), others that
/// nobody trained on unless they chose to, and "words" (common words in random order, another text in each example).
std::string filler_names();

/// The tokens of a text that follows other text: with the space between them, as the tokenizer has it there.
std::vector<int32_t> encode_after_text(const Tokenizer& tokenizer, std::string_view text);

/// An endless irrelevant text of tokens: it begins again after its last. Cheap to copy.
class Filler {
 public:
  /// The sentences of a built-in filler: grass over and over in its own order, others in a random order.
  /// Throws UserError that lists the names.
  static Filler of_sentences(std::string_view name, const Tokenizer& tokenizer, DeterministicRandom& random);
  /// The documents of a prepared split, one after the other, read where they lie.
  static Filler of_documents(const TokenDataset& documents, std::shared_ptr<const std::vector<bool>> sentence_ends);

  int64_t period() const { return period_; }
  /// Tokens [begin, begin + out.size()) of the endless text; `begin` may be negative.
  void read(int64_t begin, std::span<int64_t> out) const;
  /// The last position up to `position` before which a sentence ends, or `position` itself where none does for long.
  int64_t sentence_border(int64_t position) const;

 private:
  std::shared_ptr<const std::vector<int32_t>> tokens_;  ///< of sentences
  std::optional<TokenDataset> documents_;
  std::shared_ptr<const std::vector<int64_t>> document_begins_;  ///< in the endless text; one more
  std::shared_ptr<const std::vector<bool>> sentence_ends_;       ///< by token
  int64_t period_ = 0;
};

/// For each token, whether a sentence may end with it: its text ends with a full stop or the like, or a line's end.
std::shared_ptr<const std::vector<bool>> sentence_ends(const Tokenizer& tokenizer);

}  // namespace infini
