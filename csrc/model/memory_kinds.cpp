#include "model/memory_kinds.h"

#include "log/error.h"
#include "model/infini_attention.h"

namespace infini {

const std::vector<MemoryKind>& memory_kinds() {
  static const std::vector<MemoryKind> kinds = {
      {"infini", make_infini_decoder},
  };
  return kinds;
}

const MemoryKind& find_memory_kind(const std::string& name) {
  std::string names;
  for (const MemoryKind& kind : memory_kinds()) {
    if (kind.name == name) return kind;
    names += (names.empty() ? "" : ", ") + std::string(kind.name);
  }
  throw UserError("model.memory.kind must be one of " + names + ", is " + name);
}

}  // namespace infini
