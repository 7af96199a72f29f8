#include "eval/recall_table.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace infini {
namespace {

size_t row_of(int64_t distance) {
  return distance == 0 ? 0 : 1 + static_cast<size_t>(std::bit_width(static_cast<uint64_t>(distance - 1)));
}

size_t band_of(int64_t trained) {
  size_t band = 0;
  while (kRarityBands[band].to && trained > *kRarityBands[band].to) ++band;
  return band;
}

MeanLoss sum_of(const std::array<MeanLoss, kRarityBands.size()>& bands, size_t first, size_t last) {
  MeanLoss sum;
  for (size_t band = first; band <= last; ++band) sum.add(bands.at(band));
  return sum;
}

}  // namespace

CountRange distances_of_row(size_t row) {
  if (row < 2) return {static_cast<int64_t>(row), static_cast<int64_t>(row)};
  return {(int64_t{1} << (row - 2)) + 1, int64_t{1} << (row - 1)};
}

void MeanLoss::add(double nats) {
  ++words_;
  sum_ += nats;
  squares_ += nats * nats;
}

void MeanLoss::add(const MeanLoss& other) {
  words_ += other.words_;
  sum_ += other.sum_;
  squares_ += other.squares_;
}

std::optional<double> MeanLoss::mean() const {
  if (words_ == 0) return std::nullopt;
  return sum_ / static_cast<double>(words_);
}

std::optional<double> MeanLoss::standard_error() const {
  if (words_ < 2) return std::nullopt;
  const auto count = static_cast<double>(words_);
  // Rounding may take a difference of equal numbers below 0.
  const double variance = std::max(0.0, (squares_ - sum_ * sum_ / count) / (count - 1));
  return std::sqrt(variance / count);
}

void RecallTable::add(const RecalledWord& word, double nats) {
  const size_t band = band_of(word.trained);
  if (!word.distance) {
    never_before_.at(band).add(nats);
    return;
  }
  const size_t row = row_of(*word.distance);
  if (returned_.size() <= row) returned_.resize(row + 1);
  returned_[row].at(band).add(nats);
}

MeanLoss RecallTable::returned(size_t row, size_t first_band, size_t last_band) const {
  return sum_of(returned_.at(row), first_band, last_band);
}

MeanLoss RecallTable::never_before(size_t first_band, size_t last_band) const {
  return sum_of(never_before_, first_band, last_band);
}

std::optional<Gain> RecallTable::gain(size_t row, size_t first_band, size_t last_band) const {
  const MeanLoss there = returned(row, first_band, last_band), base = never_before(first_band, last_band);
  if (there.words() < 2 || base.words() < 2) return std::nullopt;
  return Gain{*there.mean() - *base.mean(), std::hypot(*there.standard_error(), *base.standard_error())};
}

}  // namespace infini
