#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "text/tokenizer.h"

namespace infini {

/// What each token stands for, by its id.
std::vector<std::string> bytes_of_tokens(const Tokenizer& tokenizer);

/// How often each word occurs in texts, see WordScan.
class WordCounts {
 public:
  void add(const std::string& word) { ++counts_[word]; }
  /// 0 for a word that does not occur.
  int64_t of(const std::string& word) const;
  int64_t distinct() const { return static_cast<int64_t>(counts_.size()); }

 private:
  std::unordered_map<std::string, int64_t> counts_;
};

/// Counts the words of all documents of a split that `infini prepare` wrote. Reads them once, piece by piece, and holds
/// nothing but the counts. `on_progress` receives the number of tokens read so far.
WordCounts count_words_of_split(const std::filesystem::path& split_folder, const std::vector<std::string>& token_bytes,
                                const std::function<void(int64_t tokens)>& on_progress);

}  // namespace infini
