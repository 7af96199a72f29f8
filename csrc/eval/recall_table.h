#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "eval/recall_scan.h"

namespace infini {

/// A range of whole numbers, both ends included. No `to`: without end.
struct CountRange {
  int64_t from = 0;
  std::optional<int64_t> to;
};

/// The bands of rarity, by how often the training texts have a word. The first bands together are "at most 20 times"
/// and "at most 60 times".
inline constexpr std::array<CountRange, 5> kRarityBands = {{{0, 0}, {1, 5}, {6, 20}, {21, 60}, {61, std::nullopt}}};

/// The distances of a row of the table: row 0 is 0, row 1 is 1, row 2 is 2, row 3 is 3–4, row 4 is 5–8, and so on.
CountRange distances_of_row(size_t row);

/// The mean of some numbers, with the standard error of the mean as if each number were drawn independently.
class MeanLoss {
 public:
  void add(double nats);
  void add(const MeanLoss& other);
  int64_t words() const { return words_; }
  std::optional<double> mean() const;            ///< nothing without words
  std::optional<double> standard_error() const;  ///< nothing for fewer than two words

 private:
  int64_t words_ = 0;
  double sum_ = 0, squares_ = 0;
};

/// A difference of two means, with the errors of both.
struct Gain {
  double nats = 0;
  double standard_error = 0;
};

/// Means over words by the distance to the last occurrence and by rarity.
class RecallTable {
 public:
  /// Counts `word` with `nats`, which may be another number than the word's own loss.
  void add(const RecalledWord& word, double nats);

  /// Rows of distances that have words, or rows with words behind them.
  size_t rows() const { return returned_.size(); }
  /// Words of the rarity bands `first` to `last`, at the distances of a row.
  MeanLoss returned(size_t row, size_t first_band, size_t last_band) const;
  /// The same for words that their document did not have before.
  MeanLoss never_before(size_t first_band, size_t last_band) const;
  /// How much higher the mean is in a row than for words that their document did not have before. In a table of another
  /// model's losses less this model's, word by word, that is what this model gains on words that return at this
  /// distance, beyond what it gains on words at all. Nothing where either side has fewer than two words.
  std::optional<Gain> gain(size_t row, size_t first_band, size_t last_band) const;

 private:
  using Bands = std::array<MeanLoss, kRarityBands.size()>;

  std::vector<Bands> returned_;  ///< by row
  Bands never_before_;
};

}  // namespace infini
