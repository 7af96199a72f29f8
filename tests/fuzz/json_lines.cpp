// JSON lines, plain or compressed, read as `infini prepare` reads them. The first byte says how they are compressed.
#include "data/record_reader.h"
#include "fuzz/scratch_file.h"
#include "log/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const infini::fuzz::ScratchFolder folder;
  if (size == 0) return -1;
  const char* const names[] = {"a.jsonl", "a.jsonl.gz", "a.jsonl.zst"};
  const auto file = folder.write(names[data[0] % 3], data + 1, size - 1);
  infini::SourceFile source;
  source.path = file;
  source.kind = infini::SourceFile::Kind::json_lines;
  infini::SourceSplit split;
  split.files.push_back(source);
  try {
    infini::RecordReader reader(split, [](std::string_view text, bool) { return text.size(); });
    infini::Record record;
    while (reader.next(record)) {
      const infini::DocumentText document = infini::document_text(std::move(record), "text");
      if (document.text.empty() == document.problem.empty()) abort();
      record = {};
    }
  } catch (const infini::UserError&) {
  }
  return 0;
}
