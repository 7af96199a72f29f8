#include "data/unknown_tokens.h"

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "data/token_dataset.h"
#include "log/log.h"

namespace infini {
namespace {

int64_t count(const TokenDataset& dataset, int32_t token) {
  constexpr int64_t kTokensAtATime = 65536;
  std::vector<int64_t> tokens(kTokensAtATime);
  int64_t found = 0;
  for (int64_t document = 0; document < dataset.documents(); ++document) {
    const int64_t length = dataset.length(document);
    for (int64_t begin = 0; begin < length; begin += kTokensAtATime) {
      const int64_t end = std::min(length, begin + kTokensAtATime);
      dataset.read(document, begin, end, tokens.data());
      found += std::count(tokens.begin(), tokens.begin() + (end - begin), token);
    }
  }
  return found;
}

std::string percent(int64_t part, int64_t whole) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g%%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
  return text;
}

}  // namespace

void warn_of_unknown_tokens(const std::filesystem::path& data_folder, const DatasetDescription& description,
                            const Tokenizer& tokenizer) {
  if (!tokenizer.unk()) return;
  for (const SplitDescription& split : description.splits) {
    const int64_t unknown = count(TokenDataset(data_folder / split.name), *tokenizer.unk());
    if (unknown == 0) continue;
    log::warn(split.name + ": " + percent(unknown, split.tokens) + " of the tokens (" + std::to_string(unknown) +
              ") stand for text that the tokenizer cannot express, and which is lost; take one that falls back to "
              "bytes: such is every one that is trained here, and bytes themselves");
  }
}

}  // namespace infini
