#include "cli/freed_memory.h"

#include <malloc.h>

#include <limits>

namespace infini {

// glibc takes buffers from the heap instead of from mmap once it has seen ones of that size freed, up to 32 MB. The
// activations of a text read chunk after chunk then leave holes in the heap, and the process holds a tenth more memory
// or less. Bounds of our own turn that off, at the price of fresh pages for each chunk.
void return_freed_memory() {
  constexpr int mapped_from = 8 << 20;
  mallopt(M_MMAP_THRESHOLD, mapped_from);
  mallopt(M_TRIM_THRESHOLD, 2 * mapped_from);
}

// From 32 MB on glibc would always take mmap, which no threshold can change.
void keep_freed_memory() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}

}  // namespace infini
