#include "host_cuda/race/races.h"

#include <algorithm>

namespace host_cuda {
namespace {

constexpr std::uint16_t kWarp = 32;
constexpr std::size_t kReported = 4;

bool same_warp(const Stamp& a, const Stamp& b) { return a.thread / kWarp == b.thread / kWarp; }

/// Whether nothing orders the earlier access `before` and the access `now`.
bool concurrent(const Stamp& before, const Stamp& now, bool shared) {
  if (before.block_plus_one == 0) return false;
  if (before.block_plus_one != now.block_plus_one) return !shared;
  if (before.thread == now.thread || before.block_epoch != now.block_epoch) return false;
  return !same_warp(before, now) || before.warp_epoch == now.warp_epoch;
}

bool same_thread(const Stamp& a, const Stamp& b) {
  return a.block_plus_one == b.block_plus_one && a.thread == b.thread;
}

/// Keeps two reads such that a later write that is concurrent with any read is concurrent with one of them.
void remember(std::array<Stamp, 2>& reads, const Stamp& now, bool shared) {
  for (Stamp& read : reads) {
    if (same_thread(read, now) || !concurrent(read, now, shared)) {
      read = now;
      return;
    }
  }
  // Three reads that nothing orders. Reads of two warps, or two blocks, suffice for every writer; so do two lanes of
  // the only warp that has read.
  const bool apart = reads[0].block_plus_one != reads[1].block_plus_one || !same_warp(reads[0], reads[1]);
  if (!apart) reads[1] = now;
}

}  // namespace

void RaceFinder::access(ShadowMemory& shadow, std::uintptr_t address, std::size_t bytes, Access access,
                        const Stamp& now, bool shared) {
  for (std::uintptr_t at = address & ~(kCellBytes - 1); at < address + bytes; at += kCellBytes) {
    Cell& cell = shadow.cell(at);
    check(cell, access, now, shared, at);
    if (access == Access::kRead) {
      remember(cell.reads, now, shared);
    } else {
      cell.write = now;
    }
  }
}

void RaceFinder::check(const Cell& cell, Access access, const Stamp& now, bool shared, std::uintptr_t address) {
  if (cell.copy.block_plus_one == now.block_plus_one) {
    found("access before the wait for a cp.async", now, cell.copy, address);
  }
  const bool both_atomic = access == Access::kAtomic && cell.write.atomic;
  if (!both_atomic && concurrent(cell.write, now, shared)) {
    found(access == Access::kRead ? "read and write" : "two writes", now, cell.write, address);
  }
  if (access == Access::kRead) {
    if (shared && cell.write.block_plus_one != now.block_plus_one) {
      found("read of shared memory that was not written", now, now, address);
    }
    return;
  }
  for (const Stamp& read : cell.reads) {
    if (concurrent(read, now, shared)) found("write and read", now, read, address);
  }
}

void RaceFinder::copy_issued(ShadowMemory& shadow, std::uintptr_t to, std::size_t bytes, const Stamp& now) {
  access(shadow, to, bytes, Access::kWrite, now, true);
  for (std::uintptr_t at = to; at < to + bytes; at += kCellBytes) shadow.cell(at).copy = now;
}

void RaceFinder::copy_waited_for(ShadowMemory& shadow, std::uintptr_t to, std::size_t bytes, const Stamp& now) {
  for (std::uintptr_t at = to; at < to + bytes; at += kCellBytes) shadow.cell(at).copy = {};
  access(shadow, to, bytes, Access::kWrite, now, true);
}

void RaceFinder::found(const char* what, const Stamp& now, const Stamp& before, std::uintptr_t address) {
  ++count_;
  if (!reported_.insert(std::minmax(now.instruction, before.instruction)).second) return;
  if (findings_.size() < kReported) findings_.push_back({what, now, before, address});
}

void RaceFinder::clear() {
  findings_.clear();
  reported_.clear();
  count_ = 0;
}

std::string RaceFinder::report(const Instructions& instructions) const {
  if (count_ == 0) return "";
  const auto described = [&](const Stamp& stamp) {
    return "thread " + std::to_string(stamp.thread) + " of block " + std::to_string(stamp.block_plus_one - 1) + " at " +
           instructions.described(stamp.instruction);
  };
  std::string text =
      std::to_string(count_) + " accesses race, of " + std::to_string(reported_.size()) + " pairs of instructions;";
  for (const auto& [what, now, before, address] : findings_) {
    text += std::string("\n  ") + what + ": " + described(now) + ", after " + described(before);
  }
  return text;
}

}  // namespace host_cuda
