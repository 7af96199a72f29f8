#pragma once

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "data/prepare.h"
#include "data/token_dataset.h"
#include "io/temporary_folder.h"

namespace infini::testing {

/// Text of printable letters, so that no byte is the byte tokenizer's document_start.
inline std::string random_text(int64_t length, uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::string text;
  for (int64_t i = 0; i < length; ++i) text += generator() % 6 == 0 ? ' ' : static_cast<char>('a' + generator() % 26);
  return text;
}

/// A source in PG19's layout: train/00.txt, train/01.txt, … of these texts.
inline void write_books(const std::filesystem::path& source, const std::vector<std::string>& texts,
                        const std::string& split = "train") {
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string number = std::to_string(100 + i).substr(1);
    write_text(source / split / (number + ".txt"), texts[i]);
  }
}

inline PrepareOptions prepare_options(const std::filesystem::path& source, const std::filesystem::path& out) {
  PrepareOptions options;
  options.source = source;
  options.out = out;
  options.threads = 3;
  return options;
}

/// Books of these lengths, prepared as bytes in small shards.
class PreparedBooks {
 public:
  explicit PreparedBooks(const std::vector<int64_t>& lengths, int64_t shard_tokens = 100) {
    for (size_t i = 0; i < lengths.size(); ++i) texts_.push_back(random_text(lengths[i], i));
    write_books(folder_ / "source", texts_);
    PrepareOptions options = prepare_options(folder_ / "source", folder_ / "out");
    options.shard_tokens = shard_tokens;
    prepare(options);
  }
  const std::vector<std::string>& texts() const { return texts_; }
  std::filesystem::path split() const { return folder_ / "out" / "train"; }
  TokenDataset dataset() const { return TokenDataset(split()); }

 private:
  TemporaryFolder folder_;
  std::vector<std::string> texts_;
};

/// All documents of a split as text, without their document_start.
inline std::vector<std::string> texts_of(const TokenDataset& dataset) {
  std::vector<std::string> texts;
  for (int64_t document = 0; document < dataset.documents(); ++document) {
    std::vector<int64_t> tokens(static_cast<size_t>(dataset.length(document)));
    dataset.read(document, 0, dataset.length(document), tokens.data());
    texts.emplace_back(tokens.begin() + 1, tokens.end());
  }
  return texts;
}

}  // namespace infini::testing
