#include "host_cuda/race/races.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace host_cuda {
namespace {

/// Accesses to one word by threads of two warps, in the order in which they took place.
struct History {
  struct Event {
    Access access;
    Stamp stamp;
  };
  std::vector<Event> events;
  bool shared;
};

bool ordered(const Stamp& before, const Stamp& now, bool shared) {
  if (before.block_plus_one != now.block_plus_one) return shared;
  if (before.thread == now.thread) return true;
  if (before.block_epoch < now.block_epoch) return true;
  return before.thread / 32 == now.thread / 32 && before.warp_epoch < now.warp_epoch;
}

/// The definition: two accesses that nothing orders, not both reads and not both atomic.
bool has_a_race(const History& history) {
  for (std::size_t j = 0; j < history.events.size(); ++j) {
    for (std::size_t i = 0; i < j; ++i) {
      const auto &a = history.events[i], &b = history.events[j];
      const bool both_read = a.access == Access::kRead && b.access == Access::kRead;
      const bool both_atomic = a.access == Access::kAtomic && b.access == Access::kAtomic;
      if (!both_read && !both_atomic && !ordered(a.stamp, b.stamp, history.shared)) return true;
    }
  }
  return false;
}

bool found_a_race(const History& history) {
  ShadowMemory shadow;
  RaceFinder races;
  for (const auto& [access, stamp] : history.events) races.access(shadow, 1024, 4, access, stamp, history.shared);
  Instructions instructions;
  instructions.at(std::source_location::current(), 0);
  return !races.report(instructions).empty();
}

/// Begins with a write in each block, so that no read is of what nobody wrote.
History random_history(std::mt19937& random, bool shared) {
  History history{{}, shared};
  const int blocks = 1 + static_cast<int>(random() % 2), accesses = 1 + static_cast<int>(random() % 6);
  for (int block = 1; block <= blocks; ++block) {
    std::uint16_t block_epoch = 1, warp_epochs[2] = {0, 0};
    if (shared) history.events.push_back({Access::kWrite, {static_cast<std::uint32_t>(block), 0, 0, 0, 0}});
    for (int i = 0; i < accesses;) {
      const std::uint16_t thread = static_cast<std::uint16_t>(random() % 2 * 32 + random() % 3);
      const auto choice = random() % 8;
      if (choice == 0) {
        ++block_epoch;
      } else if (choice <= 2) {
        ++warp_epochs[thread / 32];
      } else {
        const Access access = choice == 3 ? Access::kWrite : choice == 4 ? Access::kAtomic : Access::kRead;
        history.events.push_back(
            {access, {static_cast<std::uint32_t>(block), thread, block_epoch, warp_epochs[thread / 32], 0}});
        ++i;
      }
    }
  }
  return history;
}

TEST(RaceFinder, agrees_with_the_definition_on_random_histories) {
  std::mt19937 random(1);
  int with = 0, without = 0;
  for (int i = 0; i < 20000; ++i) {
    const History history = random_history(random, i % 2 == 0);
    const bool race = has_a_race(history);
    ++(race ? with : without);
    ASSERT_EQ(found_a_race(history), race) << "history " << i;
  }
  EXPECT_GT(with, 2000);
  EXPECT_GT(without, 2000);
}

TEST(RaceFinder, tells_neighbouring_elements_of_16_bits_apart) {
  ShadowMemory shadow;
  RaceFinder races;
  races.access(shadow, 1024, 2, Access::kWrite, {1, 0, 0, 0, 0}, true);
  races.access(shadow, 1026, 2, Access::kWrite, {1, 1, 0, 0, 0}, true);
  Instructions instructions;
  instructions.at(std::source_location::current(), 0);
  EXPECT_EQ(races.report(instructions), "");
  races.access(shadow, 1024, 4, Access::kRead, {1, 2, 0, 0, 0}, true);
  EXPECT_NE(races.report(instructions), "");
}

}  // namespace
}  // namespace host_cuda
