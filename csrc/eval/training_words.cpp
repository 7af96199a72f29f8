#include "eval/training_words.h"

#include <algorithm>

#include "data/token_dataset.h"
#include "eval/word_scan.h"

namespace infini {
namespace {

constexpr int64_t kPieceTokens = 1 << 16;

}  // namespace

std::vector<std::string> bytes_of_tokens(const Tokenizer& tokenizer) {
  std::vector<std::string> bytes;
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) bytes.push_back(tokenizer.token_bytes(id));
  return bytes;
}

int64_t WordCounts::of(const std::string& word) const {
  const auto found = counts_.find(word);
  return found == counts_.end() ? 0 : found->second;
}

WordCounts count_words_of_split(const std::filesystem::path& split_folder, const std::vector<std::string>& token_bytes,
                                const std::function<void(int64_t tokens)>& on_progress) {
  const TokenDataset dataset(split_folder);
  WordCounts counts;
  std::vector<int64_t> piece(kPieceTokens);
  int64_t tokens = 0;
  for (int64_t document = 0; document < dataset.documents(); ++document) {
    WordScan scan(1, [&](const ScannedWord& word) { counts.add(word.text); });
    const int64_t length = dataset.length(document);
    // Token 0 is document_start.
    for (int64_t begin = 1; begin < length; begin += kPieceTokens) {
      const int64_t end = std::min(begin + kPieceTokens, length);
      dataset.read(document, begin, end, piece.data());
      for (int64_t i = 0; i < end - begin; ++i) scan.push(token_bytes.at(piece[i]));
      on_progress(tokens + end);
    }
    scan.finish();
    tokens += length;
  }
  return counts;
}

}  // namespace infini
