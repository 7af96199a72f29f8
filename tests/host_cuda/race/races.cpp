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

/// Keeps two accesses of a kind such that what is concurrent with any of that kind later is concurrent with one of
/// them.
void remember(std::array<Stamp, 2>& accesses, const Stamp& now, bool shared) {
  for (Stamp& before : accesses) {
    if (same_thread(before, now) || !concurrent(before, now, shared)) {
      before = now;
      return;
    }
  }
  // Three that nothing orders. Those of two warps, or two blocks, suffice, whoever comes; so do two lanes of one warp,
  // as long as no other warp has come.
  const auto& [first, second] = accesses;
  const bool apart = first.block_plus_one != second.block_plus_one || !same_warp(first, second);
  if (!apart) accesses[1] = now;
}

}  // namespace

void RaceFinder::access(ShadowMemory& shadow, std::uintptr_t address, std::size_t bytes, Access access,
                        const Stamp& now, bool shared) {
  for (std::uintptr_t at = address & ~(kCellBytes - 1); at < address + bytes; at += kCellBytes) {
    Cell& cell = shadow.cell(at);
    check(cell, access, now, shared);
    switch (access) {
      case Access::kRead:
        remember(cell.reads, now, shared);
        break;
      case Access::kAtomic:
        remember(cell.atomics, now, shared);
        break;
      case Access::kWrite:
        cell.write = now;
    }
  }
}

void RaceFinder::check(const Cell& cell, Access access, const Stamp& now, bool shared) {
  if (cell.copy.block_plus_one == now.block_plus_one) {
    found("access before the wait for a cp.async", now, cell.copy);
  }
  const auto refuse = [&](const Stamp& before, const char* what) {
    if (concurrent(before, now, shared)) found(what, now, before);
  };
  refuse(cell.write, access == Access::kRead ? "read and write" : "two writes");
  if (access != Access::kAtomic) {
    for (const Stamp& atomic : cell.atomics) refuse(atomic, "atomic and other access");
  }
  if (access != Access::kRead) {
    for (const Stamp& read : cell.reads) refuse(read, "write and read");
  }
  if (access != Access::kWrite && shared && cell.write.block_plus_one != now.block_plus_one) {
    found("read of shared memory that was not written", now, now);
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

void RaceFinder::found(const char* what, const Stamp& now, const Stamp& before) {
  ++count_;
  if (!reported_.insert(std::minmax(now.instruction, before.instruction)).second) return;
  if (findings_.size() < kReported) findings_.push_back({what, now, before});
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
  for (const auto& [what, now, before] : findings_) {
    text += std::string("\n  ") + what + ": " + described(now) + ", after " + described(before);
  }
  return text;
}

}  // namespace host_cuda
