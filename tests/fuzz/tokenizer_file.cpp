// The files of tokenizers. The first byte of an input says which file the rest is. Every fault of a file is a
// UserError of one line; whatever loads also encodes and decodes.
#include "fuzz/scratch_file.h"
#include "log/error.h"
#include "text/tokenizer.h"

namespace {

constexpr const char* kText =
    "The 21 wisest men, <s>unsurprisingly\n\n mis-\tread \xE2\x88\x91 x\xC2\xB2 'LL \xFF\xE4\xBD\x95 aaaa";

void try_out(const infini::Tokenizer& tokenizer) {
  const auto ids = tokenizer.encode(kText);
  static_cast<void>(tokenizer.decode(ids));
  for (const int32_t id : ids) static_cast<void>(tokenizer.token_bytes(id));
  static_cast<void>(tokenizer.safe_cut(kText));
  static_cast<void>(tokenizer.document_start());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const infini::fuzz::ScratchFolder folder;
  if (size == 0) return -1;
  const char* const names[] = {"tokenizer.json", "tokenizer.model"};
  const auto file = folder.write(names[data[0] % 2], data + 1, size - 1);
  try {
    // Whatever is no list of ranks would go to the sentencepiece library, which is not ours.
    if (data[0] % 2 == 1 && !(size > 1 && data[1] != '\n' && data[size - 1] == '\n')) return -1;
    try_out(*infini::load_tokenizer(file));
  } catch (const infini::UserError& error) {
    if (std::string(error.what()).find('\n') != std::string::npos) abort();
  }
  return 0;
}
