#include "data/batches.h"

#include <algorithm>
#include <string>

#include "log/error.h"

namespace infini {
namespace {

BatchOptions checked(const BatchOptions& options) {
  const auto require_positive = [](const char* name, int64_t value) {
    if (value >= 1) return;
    throw UserError("batches: " + std::string(name) + " is " + std::to_string(value) + ", must be at least 1");
  };
  require_positive("rows", options.rows);
  require_positive("segment_length", options.segment_length);
  require_positive("segments_per_row", options.segments_per_row);
  require_positive("ranks", options.ranks);
  if (options.rank < 0 || options.rank >= options.ranks) {
    throw UserError("batches: rank is " + std::to_string(options.rank) + ", must be from 0 to " +
                    std::to_string(options.ranks - 1));
  }
  return options;
}

}  // namespace

BatchStream::BatchStream(const TokenDataset& dataset, const BatchOptions& options)
    : dataset_(dataset),
      options_(checked(options)),
      order_(order_of(0)),
      rows_(static_cast<size_t>(options.rows * options.ranks)) {
  if (dataset.tokens() == dataset.documents()) throw UserError("the data have no token to predict: they are empty");
}

EpochOrder BatchStream::order_of(int64_t epoch) const {
  const int64_t window_segments = options_.whole_documents ? 0 : options_.segments_per_row;
  return {dataset_, options_.segment_length, window_segments, options_.seed, epoch};
}

std::vector<Piece> BatchStream::next_unit() {
  while (place_ == order_.units()) {
    order_ = order_of(++epoch_);
    place_ = 0;
  }
  return order_.unit(place_++);
}

Batch BatchStream::next() {
  const int64_t segments = options_.segments_per_row;
  const int64_t length = segments * options_.segment_length;
  Batch batch;
  batch.tokens = torch::zeros({options_.rows, length}, torch::kInt64);
  batch.targets = torch::full({options_.rows, length}, -1, torch::kInt64);
  batch.starts = torch::ones({options_.rows, segments}, torch::kBool);

  for (int64_t global_row = 0; global_row < static_cast<int64_t>(rows_.size()); ++global_row) {
    const int64_t row = global_row - options_.rank * options_.rows;
    Row& pieces = rows_[static_cast<size_t>(global_row)];
    for (int64_t segment = 0; segment < segments; ++segment) {
      const bool may_begin_unit = options_.whole_documents || segment == 0;
      while (pieces.empty() && may_begin_unit) {
        const std::vector<Piece> unit = next_unit();
        std::copy_if(unit.rbegin(), unit.rend(), std::back_inserter(pieces),
                     [](const Piece& piece) { return piece.begin < piece.end; });
      }
      if (pieces.empty()) break;  // the last sequence of ends in an epoch is not full: padding
      Piece& piece = pieces.back();
      if (row >= 0 && row < options_.rows) {
        fill(batch, row, segment, piece);
        batch.target_count += std::min(options_.segment_length, piece.end - piece.begin);
      }
      piece.begin += options_.segment_length;
      piece.continues = true;
      if (piece.begin >= piece.end) pieces.pop_back();
    }
  }
  batch.padding_count = options_.rows * length - batch.target_count;
  return batch;
}

void BatchStream::fill(Batch& batch, int64_t row, int64_t segment, const Piece& piece) const {
  const int64_t count = std::min(options_.segment_length, piece.end - piece.begin);
  const int64_t offset = row * batch.tokens.size(1) + segment * options_.segment_length;
  int64_t* const tokens = batch.tokens.data_ptr<int64_t>() + offset;
  int64_t* const targets = batch.targets.data_ptr<int64_t>() + offset;
  dataset_.read(piece.document, piece.begin, piece.begin + count, tokens);
  dataset_.read(piece.document, piece.begin + 1, piece.begin + 1 + count, targets);
  batch.starts.data_ptr<bool>()[row * options_.segments_per_row + segment] = !piece.continues;
}

nlohmann::json BatchStream::identity() const {
  return {{"data", dataset_.fingerprint()},
          {"rows", options_.rows * options_.ranks},
          {"segment_length", options_.segment_length},
          {"segments_per_row", options_.segments_per_row},
          {"whole_documents", options_.whole_documents},
          {"seed", options_.seed}};
}

nlohmann::json BatchStream::position() const {
  nlohmann::json rows = nlohmann::json::array();
  for (const Row& row : rows_) {
    nlohmann::json pieces = nlohmann::json::array();
    for (const Piece& piece : row) pieces.push_back({piece.document, piece.begin, piece.end, piece.continues});
    rows.push_back(pieces);
  }
  return {{"identity", identity()}, {"epoch", epoch_}, {"place", place_}, {"rows", rows}};
}

void BatchStream::seek(const nlohmann::json& position) {
  try {
    const nlohmann::json& theirs = position.at("identity");
    const nlohmann::json now = identity();
    for (const auto& [key, ours] : now.items()) {
      if (theirs.at(key) == ours) continue;
      if (key == "data") throw UserError("the data position belongs to other data than those given now");
      throw UserError("the data position was saved with " + key + " " + theirs.at(key).dump() + ", now it is " +
                      ours.dump() + "; go on with the same value, or start a new run");
    }
    const int64_t epoch = position.at("epoch");
    const int64_t place = position.at("place");
    EpochOrder order = order_of(epoch);
    if (place < 0 || place > order.units()) {
      throw UserError("the data position is damaged: no place " + std::to_string(place));
    }
    std::vector<Row> rows;
    for (const nlohmann::json& pieces : position.at("rows")) {
      Row& row = rows.emplace_back();
      for (const nlohmann::json& piece : pieces) {
        row.push_back({piece.at(0), piece.at(1), piece.at(2), piece.at(3)});
        const bool possible = row.back().begin >= 0 && row.back().begin < row.back().end &&
                              row.back().end < dataset_.length(row.back().document);
        if (!possible) throw UserError("the data position is damaged: no such part of a document: " + piece.dump());
      }
    }
    if (rows.size() != rows_.size()) throw UserError("the data position is damaged: it has other rows than it says");
    epoch_ = epoch;
    place_ = place;
    order_ = std::move(order);
    rows_ = std::move(rows);
  } catch (const nlohmann::json::exception& error) {
    throw UserError(std::string("the data position is damaged: ") + error.what());
  } catch (const std::out_of_range& error) {
    throw UserError(std::string("the data position is damaged: no ") + error.what());
  }
}

}  // namespace infini
