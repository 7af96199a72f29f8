#include "model/memory_kinds.h"

#include <algorithm>

#include "model/infini_attention.h"

namespace infini {

const std::vector<MemoryKind>& memory_kinds() {
  static const std::vector<MemoryKind> kinds = {
      {"infini", {"self_attn.memory_gate"}, make_infini_decoder},
  };
  return kinds;
}

const MemoryKind& find_memory_kind(const std::string& name) {
  const auto found = std::ranges::find(memory_kinds(), name, &MemoryKind::name);
  TORCH_CHECK(found != memory_kinds().end(), "there is no kind of memory ", name);
  return *found;
}

std::string memory_kind_names() {
  std::string names;
  for (const MemoryKind& kind : memory_kinds()) names += (names.empty() ? "" : ", ") + std::string(kind.name);
  return names;
}

bool is_own_parameter(const MemoryKind& kind, std::string_view name) {
  return std::ranges::any_of(kind.parameters, [&](std::string_view ending) { return name.ends_with(ending); });
}

}  // namespace infini
