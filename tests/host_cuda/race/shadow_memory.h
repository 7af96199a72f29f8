#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "host_cuda/race/instructions.h"

namespace host_cuda {

/// Which thread accessed memory, and when.
struct Stamp {
  /// Of the launch; 0: there was no access.
  std::uint32_t block_plus_one = 0;
  std::uint16_t thread = 0;
  /// How many barriers of the block, and of the warp, the thread had passed.
  std::uint16_t block_epoch = 0, warp_epoch = 0;
  Instructions::Number instruction = 0;
};

/// The last accesses to two bytes: the unit, as no element that threads write side by side is smaller.
struct Cell {
  Stamp write;
  /// Those that a later access must not be concurrent with; of different threads.
  std::array<Stamp, 2> atomics, reads;
  /// The copy by cp.async that will write here and has not been waited for.
  Stamp copy;
};

inline constexpr std::uintptr_t kCellBytes = 2;
inline constexpr std::uintptr_t kSectorBytes = 32;
inline constexpr std::uintptr_t kShadowPageBytes = 1024;

/// What is known of a part of memory.
struct ShadowPage {
  std::array<Cell, kShadowPageBytes / kCellBytes> cells;
  std::bitset<kShadowPageBytes / kSectorBytes> sectors_read, sectors_written;
};

/// Pages for all memory that a launch touches.
class ShadowMemory {
 public:
  ShadowPage& page(std::uintptr_t address) {
    const std::uintptr_t number = address / kShadowPageBytes;
    if (number != last_number_) {
      auto& page = pages_[number];
      if (!page) page = std::make_unique<ShadowPage>();
      last_number_ = number;
      last_ = page.get();
    }
    return *last_;
  }

  Cell& cell(std::uintptr_t address) { return page(address).cells[address % kShadowPageBytes / kCellBytes]; }

  void clear() {
    pages_.clear();
    last_number_ = ~std::uintptr_t{0};
  }

 private:
  std::unordered_map<std::uintptr_t, std::unique_ptr<ShadowPage>> pages_;
  std::uintptr_t last_number_ = ~std::uintptr_t{0};
  ShadowPage* last_ = nullptr;
};

}  // namespace host_cuda
