// Shards of tokens: what opens can be read to its end.
#include "data/shard.h"

#include "fuzz/scratch_file.h"
#include "log/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const infini::fuzz::ScratchFolder folder;
  try {
    const infini::Shard shard(folder.write("shard-00000.bin", data, size));
    std::vector<int64_t> tokens;
    for (const infini::ShardDocument& document : shard.table()) {
      tokens.resize(document.length);
      shard.read(document.begin, document.length, tokens.data());
    }
    shard.verify_tokens();
  } catch (const infini::UserError&) {
  }
  return 0;
}
