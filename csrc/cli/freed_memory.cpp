#include "cli/freed_memory.h"

#include <malloc.h>

#include <limits>

namespace infini {

// When a buffer of up to 32 MB is freed, glibc takes later buffers of that size from the heap and not from mmap. The
// activations of a long text then leave holes in the heap, and the memory of the process varies by a tenth. Thresholds
// of our own turn that off. The price is fresh pages for each chunk.
void return_freed_memory() {
  constexpr int mapped_from = 8 << 20;
  mallopt(M_MMAP_THRESHOLD, mapped_from);
  mallopt(M_TRIM_THRESHOLD, 2 * mapped_from);
}

// glibc always takes mmap for buffers of 32 MB and more, whatever the threshold, so mmap is turned off.
void keep_freed_memory() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}

}  // namespace infini
