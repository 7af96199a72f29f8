#include "model/memory_kinds.h"

#include <algorithm>

#include "model/autocompressor.h"
#include "model/compressive.h"
#include "model/infini_attention.h"
#include "model/memorizing.h"
#include "model/recurrent_memory.h"
#include "model/transformer_xl.h"

namespace infini {

const std::vector<MemoryKind>& memory_kinds() {
  static const std::vector<MemoryKind> kinds = {
      {.name = "infini",
       .parameters = {"self_attn.memory_gate"},
       .sizes = {},
       .make_decoder = make_infini_decoder,
       .has_gain = true,
       .has_convolution = true},
      {.name = "transformer_xl",
       .parameters = {},
       .sizes = {&MemoryConfig::cache_length},
       .make_decoder = make_transformer_xl_decoder,
       .has_convolution = true},
      {.name = "compressive",
       .parameters = {"self_attn.compression.weight"},
       .sizes = {&MemoryConfig::cache_length, &MemoryConfig::compressed_length, &MemoryConfig::compression_rate},
       .make_decoder = make_compressive_decoder,
       .fault = compressive_fault},
      {.name = "memorizing",
       .parameters = {"self_attn.memory_gate"},
       .sizes = {&MemoryConfig::cache_length, &MemoryConfig::layer, &MemoryConfig::slots, &MemoryConfig::neighbours},
       .make_decoder = make_memorizing_decoder,
       .fault = memorizing_fault,
       .has_convolution = true},
      {.name = "rmt",
       .parameters = {"model.memory_tokens"},
       .sizes = {&MemoryConfig::memory_tokens},
       .make_decoder = make_recurrent_memory_decoder},
      {.name = "autocompressors",
       .parameters = {"model.summary_tokens"},
       .sizes = {&MemoryConfig::summary_tokens},
       .make_decoder = make_autocompressor_decoder,
       .lengths_vary = true},
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
