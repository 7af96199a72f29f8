// Texts. Byte-level tokenizers give each text back, with U+FFFD for what is no UTF-8; and where a text may be cut, its
// parts have the same ids as the whole.
#include <nlohmann/json.hpp>

#include "fuzz/scratch_file.h"
#include "text/byte_alphabet.h"
#include "text/tokenizer.h"
#include "text/utf8.h"
#include "text/word_scanner.h"

namespace {

using nlohmann::json;

json tokenizer_json(const json& pre_tokenizer) {
  json vocab;
  for (int byte = 0; byte < 256; ++byte)
    vocab[infini::letters_of_bytes(std::string(1, static_cast<char>(byte)))] = byte;
  json merges = json::array();
  for (const auto& [left, right] :
       {std::pair("t", "h"), {"th", "e"}, {"\u0120", "the"}, {"a", "a"}, {"aa", "aa"}, {"\u0120", "\u0120"}}) {
    merges.push_back(json::array({left, right}));
    vocab[std::string(left) + right] = vocab.size();
  }
  const json end = {{"id", vocab.size()}, {"content", "<s>"}, {"special", true}};
  return {{"added_tokens", json::array({end})},
          {"pre_tokenizer", pre_tokenizer},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}}}};
}

std::vector<std::unique_ptr<infini::Tokenizer>> make_tokenizers() {
  const infini::fuzz::ScratchFolder folder;
  std::vector<std::unique_ptr<infini::Tokenizer>> tokenizers;
  for (const infini::WordScanner& scanner : infini::word_scanners()) {
    const json split = {
        {"type", "Split"}, {"pattern", {{"Regex", scanner.pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
    const json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
    const std::string text =
        tokenizer_json({{"type", "Sequence"}, {"pretokenizers", json::array({split, bytes})}}).dump();
    const auto file = folder.write("tokenizer.json", reinterpret_cast<const uint8_t*>(text.data()), text.size());
    tokenizers.push_back(infini::load_tokenizer(file));
  }
  return tokenizers;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto tokenizers = make_tokenizers();
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const auto& tokenizer : tokenizers) {
    const std::vector<int32_t> ids = tokenizer->encode(text);
    if (tokenizer->decode(ids) != infini::with_replacement_characters(text)) abort();
    const size_t cut = tokenizer->safe_cut(text);
    std::vector<int32_t> parts = tokenizer->encode(text.substr(0, cut));
    const std::vector<int32_t> rest = tokenizer->encode(text.substr(cut));
    parts.insert(parts.end(), rest.begin(), rest.end());
    if (parts != ids) abort();
  }
  return 0;
}
