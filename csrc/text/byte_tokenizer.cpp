#include "text/byte_tokenizer.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "text/utf8.h"

namespace infini {

std::vector<int32_t> ByteTokenizer::encode(std::string_view text) const {
  std::vector<int32_t> ids(text.size());
  for (size_t i = 0; i < text.size(); ++i) ids[i] = static_cast<uint8_t>(text[i]);
  return ids;
}

// Any byte would do; whole characters let each part be checked for its UTF-8.
size_t ByteTokenizer::safe_cut(std::string_view text) const {
  return text.empty() ? 0 : static_cast<size_t>(character_border(text, static_cast<int64_t>(text.size()) - 1));
}

std::string ByteTokenizer::decode(const std::vector<int32_t>& ids) const {
  std::string text(ids.size(), '\0');
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] > 255) {
      throw std::runtime_error("token " + std::to_string(ids[i]) + " is not a byte (0 to 255)");
    }
    text[i] = static_cast<char>(ids[i]);
  }
  return text;
}

std::vector<TokenizerFile> ByteTokenizer::files() const {
  return {{kTokenizerConfigFile, nlohmann::json{{"tokenizer_class", kClass}}.dump(2) + "\n"}};
}

std::unique_ptr<Tokenizer> make_byte_tokenizer() { return std::make_unique<ByteTokenizer>(); }

}  // namespace infini
