#include "data/batches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "data/prepared_data.h"
#include "log/error.h"

namespace infini {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::PreparedBooks;

/// A batch's rows as plain numbers.
struct Row {
  std::vector<int64_t> tokens, targets;
  std::vector<bool> starts;
  bool operator==(const Row&) const = default;
};

std::vector<Row> rows_of(const Batch& batch) {
  std::vector<Row> rows;
  for (int64_t row = 0; row < batch.tokens.size(0); ++row) {
    Row& out = rows.emplace_back();
    for (int64_t i = 0; i < batch.tokens.size(1); ++i) {
      out.tokens.push_back(batch.tokens[row][i].item<int64_t>());
      out.targets.push_back(batch.targets[row][i].item<int64_t>());
    }
    for (int64_t i = 0; i < batch.starts.size(1); ++i) out.starts.push_back(batch.starts[row][i].item<bool>());
  }
  return rows;
}

/// What a row read without a break: from one start to the next.
struct Reading {
  std::vector<int64_t> inputs, targets;
};

std::vector<Reading> readings_of(const std::vector<Row>& row_in_time, int64_t segment_length) {
  std::vector<Reading> readings;
  for (const Row& row : row_in_time) {
    for (size_t segment = 0; segment < row.starts.size(); ++segment) {
      if (row.starts[segment] || readings.empty()) readings.emplace_back();
      for (int64_t i = 0; i < segment_length; ++i) {
        const size_t at = segment * static_cast<size_t>(segment_length) + static_cast<size_t>(i);
        if (row.targets[at] < 0) continue;
        readings.back().inputs.push_back(row.tokens[at]);
        readings.back().targets.push_back(row.targets[at]);
      }
    }
  }
  std::erase_if(readings, [](const Reading& reading) { return reading.targets.empty(); });
  return readings;
}

std::string as_text(const std::vector<int64_t>& tokens) { return {tokens.begin(), tokens.end()}; }

/// Units of one epoch, as a plain loop counts them: (whole windows, segments of document ends).
std::pair<int64_t, int64_t> windows_and_end_segments(const std::vector<std::string>& texts,
                                                     const BatchOptions& options) {
  const int64_t window = options.segment_length * options.segments_per_row;
  int64_t windows = 0, segments = 0;
  for (const std::string& text : texts) {
    const auto size = static_cast<int64_t>(text.size());
    windows += size / window;
    segments += (size % window + options.segment_length - 1) / options.segment_length;
  }
  return {windows, segments};
}

const std::vector<int64_t> kLengths = {1, 7, 8, 9, 31, 32, 33, 64, 65, 100, 150, 3, 16, 24, 40, 5};

BatchOptions small_options(bool whole_documents) {
  BatchOptions options;
  options.rows = 1;
  options.segment_length = 8;
  options.segments_per_row = 4;
  options.whole_documents = whole_documents;
  options.seed = 5;
  return options;
}

/// All sequences of the first epoch: with one row the second epoch begins in a batch of its own (windows).
std::vector<Row> first_epoch(BatchStream& stream) {
  std::vector<Row> rows;
  while (true) {
    const Batch batch = stream.next();
    if (stream.epoch() > 0) return rows;
    rows.push_back(rows_of(batch)[0]);
  }
}

TEST(BatchesOfWindows, HaveEveryTextTokenOnceAsATargetOfItsPredecessor) {
  const PreparedBooks books(kLengths);
  const BatchOptions options = small_options(false);
  BatchStream stream(books.dataset(), options);
  const std::vector<Row> rows = first_epoch(stream);

  const auto [windows, end_segments] = windows_and_end_segments(books.texts(), options);
  EXPECT_EQ(static_cast<int64_t>(rows.size()), windows + (end_segments + 3) / 4);

  // Each run must be a part of one text, input before target; together they must cover each text once.
  std::vector<std::string> seen(books.texts().size());
  for (size_t i = 0; i < seen.size(); ++i) seen[i].assign(books.texts()[i].size(), 0);
  for (const Reading& reading : readings_of(rows, options.segment_length)) {
    const std::string targets = as_text(reading.targets);
    bool found = false;
    for (size_t text = 0; text < seen.size() && !found; ++text) {
      const std::string with_start = std::string(1, '\0') + books.texts()[text];
      for (size_t at = books.texts()[text].find(targets); at != std::string::npos && !found;
           at = books.texts()[text].find(targets, at + 1)) {
        found = at % 8 == 0 && with_start.substr(at, targets.size()) == as_text(reading.inputs) && seen[text][at] == 0;
        if (found) std::fill_n(seen[text].begin() + static_cast<int64_t>(at), targets.size(), 1);
      }
    }
    EXPECT_TRUE(found) << targets;
  }
  for (size_t text = 0; text < seen.size(); ++text) {
    EXPECT_EQ(std::count(seen[text].begin(), seen[text].end(), 1), static_cast<int64_t>(seen[text].size())) << text;
  }
}

TEST(BatchesOfWindows, GiveEachFullWindowASequenceOfItsOwn) {
  const PreparedBooks books(kLengths);
  const BatchOptions options = small_options(false);
  BatchStream stream(books.dataset(), options);
  int64_t full = 0;
  for (const Row& row : first_epoch(stream)) {
    EXPECT_TRUE(row.starts[0]);
    full += row.starts == std::vector<bool>{true, false, false, false} && row.targets.back() >= 0;
  }
  EXPECT_EQ(full, windows_and_end_segments(books.texts(), options).first);
}

TEST(BatchesOfWindows, PadOnlyEndsOfDocumentsAndTheEndOfAnEpoch) {
  const PreparedBooks books(kLengths);
  const BatchOptions options = small_options(false);
  BatchStream stream(books.dataset(), options);
  int64_t text_tokens = 0, expected_padding = 0;
  for (const std::string& text : books.texts()) {
    text_tokens += static_cast<int64_t>(text.size());
    expected_padding += (8 - static_cast<int64_t>(text.size()) % 8) % 8;
  }
  expected_padding += (4 - windows_and_end_segments(books.texts(), options).second % 4) % 4 * 8;
  int64_t targets = 0, padding = 0;
  for (Batch batch = stream.next(); stream.epoch() == 0; batch = stream.next()) {
    targets += batch.target_count;
    padding += batch.padding_count;
    EXPECT_EQ(batch.target_count, (batch.targets >= 0).sum().item<int64_t>());
    EXPECT_EQ(batch.padding_count, (batch.targets < 0).sum().item<int64_t>());
    EXPECT_TRUE(batch.tokens.masked_select(batch.targets < 0).eq(0).all().item<bool>());
  }
  EXPECT_EQ(targets, text_tokens);
  EXPECT_EQ(padding, expected_padding);
}

TEST(BatchesOfWholeDocuments, ReadEachDocumentToItsEndInOneRow) {
  const PreparedBooks books(kLengths);
  BatchOptions options = small_options(true);
  options.rows = 3;
  BatchStream stream(books.dataset(), options);
  std::vector<std::vector<Row>> in_time(3);
  while (stream.epoch() < 3) {
    const std::vector<Row> rows = rows_of(stream.next());
    for (size_t row = 0; row < 3; ++row) in_time[row].push_back(rows[row]);
  }
  // The last document of each row may not be at its end yet; all others are whole, with their document_start.
  std::map<std::string, int> count;
  for (const std::vector<Row>& row : in_time) {
    std::vector<Reading> readings = readings_of(row, options.segment_length);
    readings.pop_back();
    for (const Reading& reading : readings) {
      const std::string text = as_text(reading.targets);
      EXPECT_THAT(books.texts(), ::testing::Contains(text));
      std::string inputs = text;
      inputs.insert(0, 1, '\0');
      inputs.pop_back();
      EXPECT_EQ(as_text(reading.inputs), inputs);
      ++count[text];
    }
  }
  for (const std::string& text : books.texts()) {
    EXPECT_GE(count[text], 2) << "three epochs were begun, two are done";
    EXPECT_LE(count[text], 4);
  }
}

TEST(BatchesOfWholeDocuments, GoOnWithTheNextDocumentInTheMiddleOfASequence) {
  const PreparedBooks books({20});
  BatchStream stream(books.dataset(), small_options(true));
  const std::vector<Row> first = rows_of(stream.next());
  EXPECT_THAT(first[0].starts, ElementsAre(true, false, false, true));
  EXPECT_EQ(std::count(first[0].targets.begin(), first[0].targets.end(), -1), 4);
  const std::vector<Row> second = rows_of(stream.next());
  EXPECT_THAT(second[0].starts, ElementsAre(false, false, true, false));
  EXPECT_EQ(stream.epoch(), 2);
}

TEST(BatchOrder, DependsOnSeedAndEpochAlone) {
  const PreparedBooks books(kLengths);
  const auto sequences = [&](uint64_t seed, int64_t rows, int64_t epoch) {
    BatchOptions options = small_options(false);
    options.seed = seed;
    options.rows = rows;
    BatchStream stream(books.dataset(), options);
    const auto [windows, end_segments] = windows_and_end_segments(books.texts(), options);
    const int64_t units = windows + (end_segments + 3) / 4;
    std::vector<Row> all;
    while (static_cast<int64_t>(all.size()) < units * (epoch + 1)) {
      for (Row& row : rows_of(stream.next())) all.push_back(std::move(row));
    }
    return std::vector<Row>(all.begin() + units * epoch, all.begin() + units * (epoch + 1));
  };
  EXPECT_EQ(sequences(1, 1, 0), sequences(1, 1, 0));
  EXPECT_EQ(sequences(1, 1, 0), sequences(1, 5, 0));
  EXPECT_EQ(sequences(1, 1, 1), sequences(1, 3, 1));
  EXPECT_NE(sequences(1, 1, 0), sequences(2, 1, 0));
  EXPECT_NE(sequences(1, 1, 0), sequences(1, 1, 1));
}

// The numbers of an independent implementation of MT19937-64, seed_seq and rejection in Python; they keep an epoch's
// order the same on every machine and in every later version.
TEST(BatchOrder, IsTheSameOnEveryMachine) {
  EXPECT_THAT(shuffled(10, 0, 0, 0), ElementsAre(4, 6, 7, 0, 8, 9, 2, 5, 3, 1));
  EXPECT_THAT(shuffled(10, 7, 3, 1), ElementsAre(4, 5, 8, 7, 6, 3, 1, 0, 2, 9));
}

TEST(BatchOrder, IsAPermutation) {
  for (const int64_t count : {0, 1, 2, 1000}) {
    std::vector<int64_t> order = shuffled(count, 3, 4, 0);
    std::sort(order.begin(), order.end());
    for (int64_t i = 0; i < count; ++i) ASSERT_EQ(order[static_cast<size_t>(i)], i);
    EXPECT_EQ(static_cast<int64_t>(order.size()), count);
  }
}

class BatchesOfEitherKind : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(, BatchesOfEitherKind, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "WholeDocuments" : "Windows"; });

TEST_P(BatchesOfEitherKind, GoOnExactlyFromAPosition) {
  const PreparedBooks books(kLengths);
  BatchOptions options = small_options(GetParam());
  options.rows = 3;
  BatchStream undisturbed(books.dataset(), options);
  for (int step = 0; step < 40; ++step) {
    BatchStream resumed(books.dataset(), options);
    resumed.seek(nlohmann::json::parse(undisturbed.position().dump()));
    EXPECT_EQ(resumed.position(), undisturbed.position());
    EXPECT_EQ(resumed.epoch(), undisturbed.epoch());
    EXPECT_EQ(rows_of(resumed.next()), rows_of(undisturbed.next())) << step;
  }
  EXPECT_GT(undisturbed.epoch(), 2) << "the test must cross borders of epochs";
}

TEST_P(BatchesOfEitherKind, AreSharedOutOverRanks) {
  const PreparedBooks books(kLengths);
  BatchOptions together = small_options(GetParam());
  together.rows = 6;
  BatchStream all(books.dataset(), together);
  std::vector<BatchStream> ranks;
  for (int64_t rank = 0; rank < 3; ++rank) {
    BatchOptions options = together;
    options.rows = 2;
    options.rank = rank;
    options.ranks = 3;
    ranks.emplace_back(books.dataset(), options);
  }
  for (int step = 0; step < 20; ++step) {
    const std::vector<Row> expected = rows_of(all.next());
    std::vector<Row> joined;
    for (BatchStream& rank : ranks) {
      for (Row& row : rows_of(rank.next())) joined.push_back(std::move(row));
      EXPECT_EQ(rank.position(), all.position());
    }
    EXPECT_EQ(joined, expected) << step;
  }
}

TEST_P(BatchesOfEitherKind, RefuseAPositionOfOtherDataOrOptions) {
  const PreparedBooks books(kLengths);
  const PreparedBooks others({50, 60, 70});
  const BatchOptions options = small_options(GetParam());
  const nlohmann::json position = BatchStream(books.dataset(), options).position();

  BatchStream other_data(others.dataset(), options);
  EXPECT_THAT(message_of<UserError>([&] { other_data.seek(position); }), HasSubstr("other data"));
  BatchOptions changed = options;
  changed.seed = 6;
  BatchStream other_seed(books.dataset(), changed);
  EXPECT_THAT(message_of<UserError>([&] { other_seed.seek(position); }), HasSubstr("seed 5, now it is 6"));
  changed = options;
  changed.rows = 2;
  BatchStream other_rows(books.dataset(), changed);
  EXPECT_THAT(message_of<UserError>([&] { other_rows.seek(position); }), HasSubstr("rows 1, now it is 2"));

  BatchStream stream(books.dataset(), options);
  EXPECT_THROW(stream.seek(nlohmann::json::object()), UserError);
  nlohmann::json damaged = position;
  damaged["rows"] = {{{99, 0, 8, false}}};
  EXPECT_THROW(stream.seek(damaged), UserError);
  damaged["rows"] = {{{0, 0, 800, false}}};
  EXPECT_THROW(stream.seek(damaged), UserError);
  damaged = position;
  damaged["place"] = 100000;
  EXPECT_THROW(stream.seek(damaged), UserError);
}

TEST_P(BatchesOfEitherKind, MayHaveMoreRowsThanDocuments) {
  const PreparedBooks books({10});
  BatchOptions options = small_options(GetParam());
  options.rows = 5;
  BatchStream stream(books.dataset(), options);
  const Batch batch = stream.next();
  for (int64_t row = 0; row < 5; ++row) EXPECT_GE((batch.targets[row] >= 0).sum().item<int64_t>(), 10);
}

TEST(BatchStream, RefusesImpossibleOptions) {
  const PreparedBooks books({10});
  const auto message = [&](auto change) {
    BatchOptions options = small_options(false);
    change(options);
    return message_of<UserError>([&] { BatchStream(books.dataset(), options); });
  };
  EXPECT_THAT(message([](BatchOptions& options) { options.rows = 0; }), HasSubstr("rows is 0"));
  EXPECT_THAT(message([](BatchOptions& options) { options.segment_length = -8; }), HasSubstr("segment_length is -8"));
  EXPECT_THAT(message([](BatchOptions& options) { options.segments_per_row = 0; }), HasSubstr("segments_per_row"));
  EXPECT_THAT(message([](BatchOptions& options) { options.rank = 1; }), HasSubstr("rank is 1"));
}

}  // namespace
}  // namespace infini
