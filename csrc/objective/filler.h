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

/// The names of the built-in fillers, "grass, harbour, …". "grass" has the five sentences of the original passkey test.
/// "words" has common words in random order, different in each example. The others are for tests with a filler that the
/// model was not trained on.
std::string filler_names();

/// The tokens of a text that follows another text, including the space between the two.
std::vector<int32_t> encode_after_text(const Tokenizer& tokenizer, std::string_view text);

/// An endless irrelevant text, as tokens: after its last token it begins again. Cheap to copy.
class Filler {
 public:
  /// The sentences of a built-in filler: "grass" again and again in its own order, the others in random order. Throws a
  /// UserError that lists all names if the name is unknown.
  static Filler of_sentences(std::string_view name, const Tokenizer& tokenizer, DeterministicRandom& random);
  /// The documents of a prepared split, one after the other. They are read from the mapped files, not copied.
  static Filler of_documents(const TokenDataset& documents, std::shared_ptr<const std::vector<bool>> sentence_ends);

  int64_t period() const { return period_; }
  /// Tokens [begin, begin + out.size()) of the endless text; `begin` may be negative.
  void read(int64_t begin, std::span<int64_t> out) const;
  /// The last position, at most `position`, at which a sentence begins. If there is none within a long stretch,
  /// `position` itself.
  int64_t sentence_border(int64_t position) const;

 private:
  std::shared_ptr<const std::vector<int32_t>> tokens_;  ///< of sentences
  std::optional<TokenDataset> documents_;
  std::shared_ptr<const std::vector<int64_t>> document_begins_;  ///< in the endless text; the last entry is its period
  std::shared_ptr<const std::vector<bool>> sentence_ends_;       ///< by token
  int64_t period_ = 0;
};

/// For each token: whether a sentence may end with it. Its text then ends with a full stop or a similar mark, or with a
/// line end.
std::shared_ptr<const std::vector<bool>> sentence_ends(const Tokenizer& tokenizer);

}  // namespace infini
