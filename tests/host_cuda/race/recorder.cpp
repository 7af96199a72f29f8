// Where the accesses of kernels arrive: sorts out which memory they are to, and passes them to the race finder and,
// while traffic is measured, to its counter.

#include <optional>
#include <span>
#include <string>

#include "host_cuda/access.h"
#include "host_cuda/asynchronous_copy.h"
#include "host_cuda/race/instructions.h"
#include "host_cuda/race/races.h"
#include "host_cuda/race/shadow_memory.h"
#include "host_cuda/race/traffic_counter.h"
#include "host_cuda/scheduler.h"
#include "host_cuda/shared_memory.h"

namespace host_cuda {
namespace {

struct Recorder {
  Instructions instructions;
  ShadowMemory shadow;
  RaceFinder races;
  std::optional<TrafficCounter> traffic;
  std::string report;

  void access(const Thread& thread, const void* address, std::size_t bytes, Access kind,
              Instructions::Number instruction);
};

Recorder recorder;

std::uintptr_t number(const void* address) { return reinterpret_cast<std::uintptr_t>(address); }

bool contains(std::span<const std::byte> memory, const void* address) {
  return !memory.empty() && number(address) >= number(memory.data()) &&
         number(address) < number(memory.data()) + memory.size();
}

Stamp stamp(const Thread& thread, Instructions::Number instruction) {
  const Block& block = scheduler.block();
  const dim3 grid = scheduler.grid_size();
  return {block.index.x + grid.x * (block.index.y + grid.y * block.index.z) + 1,
          static_cast<std::uint16_t>(thread.linear_index), static_cast<std::uint16_t>(block.epoch),
          static_cast<std::uint16_t>(thread.warp->epoch), instruction};
}

void Recorder::access(const Thread& thread, const void* address, std::size_t bytes, Access kind,
                      Instructions::Number instruction) {
  if (scheduler.stacks().contains(address)) return;
  const bool shared =
      contains(scheduler.block().static_shared, address) || contains(scheduler.block().dynamic_shared, address);
  const Stamp now = stamp(thread, instruction);
  races.access(shadow, number(address), bytes, kind, now, shared);
  if (traffic) traffic->access(shadow, number(address), bytes, kind, now, shared);
}

}  // namespace

void record_launch_begin() {
  recorder.shadow.clear();
  recorder.races.clear();
}

void record_block_end() {
  if (recorder.traffic) recorder.traffic->end_block();
}

const char* record_launch_end() {
  recorder.report = recorder.races.report(recorder.instructions);
  return recorder.report.empty() ? nullptr : recorder.report.c_str();
}

void record_access(const void* address, std::size_t bytes, Access access, const void* program_counter) {
  if (!scheduler.in_kernel()) return;
  recorder.access(scheduler.current(), address, bytes, access, recorder.instructions.at(program_counter));
}

void record_fragment(const FragmentAccess& fragment) {
  const Thread* lanes = &scheduler.current() - scheduler.current().lane;
  const auto record = [&](unsigned lane, unsigned part, int line, int element, int elements) {
    const std::byte* address = fragment.memory + static_cast<std::size_t>(line) * fragment.bytes_between_lines +
                               static_cast<std::size_t>(element) * fragment.element_bytes;
    recorder.access(lanes[lane], address, static_cast<std::size_t>(elements) * fragment.element_bytes, fragment.access,
                    recorder.instructions.at(fragment.place, part));
  };
  if (!fragment.accumulator) {
    // As ldmatrix does: 8 lines of 8 elements make a matrix, each lane gives the address of one line of one of them.
    const int pieces = fragment.lines * fragment.elements_of_line / 8, matrices_below = fragment.lines / 8;
    for (int piece = 0; piece < pieces; ++piece) {
      const int matrix = piece / 8, line = matrix % matrices_below * 8 + piece % 8;
      record(static_cast<unsigned>(piece) % kWarpSize, static_cast<unsigned>(piece) / kWarpSize, line,
             matrix / matrices_below * 8, 8);
    }
    return;
  }
  // As the results of mma.m16n8k16 lie: of each 8 x 8 part a lane has two neighbours in a row.
  unsigned part = 0;
  for (int first_line = 0; first_line < fragment.lines; first_line += 8) {
    for (int first_element = 0; first_element < fragment.elements_of_line; first_element += 8, part += 2) {
      for (unsigned lane = 0; lane < kWarpSize; ++lane) {
        const int across = static_cast<int>(lane / 4), pair = static_cast<int>(lane % 4) * 2;
        if (fragment.row_major) {
          record(lane, part, first_line + across, first_element + pair, 2);
        } else {
          record(lane, part, first_line + pair, first_element + across, 1);
          record(lane, part + 1, first_line + pair + 1, first_element + across, 1);
        }
      }
    }
  }
}

void record_copy_issued(const AsynchronousCopy& copy, std::source_location place) {
  const Thread& thread = scheduler.current();
  const auto read = recorder.instructions.at(place, 0), write = recorder.instructions.at(place, 1);
  if (copy.bytes > copy.zeros) recorder.access(thread, copy.from, copy.bytes - copy.zeros, Access::kRead, read);
  const Stamp now = stamp(thread, write);
  recorder.races.copy_issued(recorder.shadow, number(copy.to), copy.bytes, now);
  if (recorder.traffic) {
    recorder.traffic->access(recorder.shadow, number(copy.to), copy.bytes, Access::kWrite, now, true);
  }
}

void record_copy_waited_for(const AsynchronousCopy& copy) {
  const auto issued = recorder.shadow.cell(number(copy.to)).copy.instruction;
  recorder.races.copy_waited_for(recorder.shadow, number(copy.to), copy.bytes, stamp(scheduler.current(), issued));
}

Traffic measure(const std::function<void()>& launches) {
  struct Measurement {
    Measurement() { recorder.traffic.emplace(); }
    ~Measurement() { recorder.traffic.reset(); }
  } measurement;
  launches();
  return recorder.traffic->traffic;
}

}  // namespace host_cuda
