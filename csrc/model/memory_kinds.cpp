#include "model/memory_kinds.h"

#include <algorithm>

#include "model/autocompressor.h"
#include "model/infini_attention.h"
#include "model/recurrent_memory.h"
#include "model/transformer_xl.h"

namespace infini {

const std::vector<MemoryKind>& memory_kinds() {
  static const std::vector<MemoryKind> kinds = {
      {"infini", {"self_attn.memory_gate"}, {}, make_infini_decoder},
      {"transformer_xl", {}, {&MemoryConfig::cache_length}, make_transformer_xl_decoder},
      {"rmt", {"model.memory_tokens"}, {&MemoryConfig::memory_tokens}, make_recurrent_memory_decoder},
      {"autocompressors", {"model.summary_tokens"}, {&MemoryConfig::summary_tokens}, make_autocompressor_decoder},
  };
  return kinds;
}

bool MemoryKind::has(const MemoryField& field) const { return std::ranges::find(sizes, field.value) != sizes.end(); }

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
