#include "host_cuda/race/traffic_counter.h"

#include <algorithm>
#include <bit>

namespace host_cuda {
namespace {

constexpr unsigned kLanes = 32;
constexpr std::uint32_t kWholeWarp = 0xffffffffu;
constexpr std::uintptr_t kWordBytes = 4;
constexpr std::uintptr_t kBanks = 32;

/// How often the busiest bank has to serve the lanes [begin, end).
unsigned bank_cycles(const std::array<std::uintptr_t, kLanes>& addresses, std::uint32_t lanes, unsigned begin,
                     unsigned end, std::uint32_t bytes) {
  std::array<std::uintptr_t, kLanes * 4> words;
  std::size_t count = 0;
  for (unsigned lane = begin; lane < end; ++lane) {
    if ((lanes >> lane & 1) == 0) continue;
    const std::uintptr_t last = (addresses[lane] + bytes - 1) / kWordBytes;
    for (std::uintptr_t word = addresses[lane] / kWordBytes; word <= last && count < words.size(); ++word) {
      words[count++] = word;
    }
  }
  std::sort(words.begin(), words.begin() + count);
  const auto different = std::unique(words.begin(), words.begin() + count);
  std::array<unsigned, kBanks> cycles{};
  for (auto word = words.begin(); word != different; ++word) ++cycles[*word % kBanks];
  return *std::max_element(cycles.begin(), cycles.end());
}

}  // namespace

void TrafficCounter::access(ShadowMemory& shadow, std::uintptr_t address, std::size_t bytes, Access access,
                            const Stamp& now, bool shared) {
  if (!shared) {
    const std::uintptr_t last = (address + bytes - 1) / kSectorBytes;
    for (std::uintptr_t sector = address / kSectorBytes; sector <= last; ++sector) {
      ShadowPage& page = shadow.page(sector * kSectorBytes);
      const std::size_t bit = sector * kSectorBytes % kShadowPageBytes / kSectorBytes;
      if (access != Access::kWrite && !page.sectors_read[bit]) {
        page.sectors_read.set(bit);
        ++traffic.read.distinct_sectors;
      }
      if (access != Access::kRead && !page.sectors_written[bit]) {
        page.sectors_written.set(bit);
        ++traffic.written.distinct_sectors;
      }
    }
  }

  if (executions_.size() <= now.thread) executions_.resize(now.thread + 1u);
  auto& instructions = executions_[now.thread];
  if (instructions.size() <= now.instruction) instructions.resize(now.instruction + 1u);
  Executions& executions = instructions[now.instruction];
  const std::uint32_t phase = std::uint32_t{now.block_epoch} + now.warp_epoch;
  if (executions.phase != phase) executions = {phase, 0};

  const std::uint64_t warp = now.thread / kLanes;
  const std::uint64_t key = warp | std::uint64_t{now.instruction} << 5 | std::uint64_t{phase & 0xffff} << 21 |
                            std::uint64_t{executions.count} << 37;
  ++executions.count;
  const auto at = requests_.try_emplace(key).first;
  Request& request = at->second;
  const unsigned lane = now.thread % kLanes;
  request.addresses[lane] = address;
  request.lanes |= 1u << lane;
  request.bytes = static_cast<std::uint32_t>(bytes);
  request.access = access;
  request.shared = shared;
  if (request.lanes == kWholeWarp) {
    count(request);
    requests_.erase(at);
  }
}

void TrafficCounter::count(const Request& request) {
  const auto each_way = [&](auto& read, auto& written, const auto& add) {
    if (request.access != Access::kWrite) add(read);
    if (request.access != Access::kRead) add(written);
  };
  if (request.shared) {
    // 16 bytes a lane: a quarter of the warp at a time, and so on; never more than the whole.
    const unsigned lanes_at_once = std::min(kLanes, kLanes * 4 / std::max(request.bytes, 4u));
    std::uint64_t conflicts = 0;
    for (unsigned begin = 0; begin < kLanes; begin += lanes_at_once) {
      const unsigned cycles =
          bank_cycles(request.addresses, request.lanes, begin, begin + lanes_at_once, request.bytes);
      if (cycles > 1) conflicts += cycles - 1;
    }
    each_way(traffic.shared_read, traffic.shared_written, [&](SharedTraffic& shared) {
      ++shared.requests;
      shared.bank_conflicts += conflicts;
    });
    return;
  }
  std::vector<std::uintptr_t> sectors;
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    if ((request.lanes >> lane & 1) == 0) continue;
    const std::uintptr_t last = (request.addresses[lane] + request.bytes - 1) / kSectorBytes;
    for (std::uintptr_t sector = request.addresses[lane] / kSectorBytes; sector <= last; ++sector)
      sectors.push_back(sector);
  }
  std::sort(sectors.begin(), sectors.end());
  const auto different = std::unique(sectors.begin(), sectors.end()) - sectors.begin();
  each_way(traffic.read, traffic.written, [&](GlobalTraffic& global) {
    ++global.requests;
    global.bytes += std::uint64_t{request.bytes} * static_cast<unsigned>(std::popcount(request.lanes));
    global.sectors += static_cast<std::uint64_t>(different);
  });
}

void TrafficCounter::end_block() {
  for (const auto& [key, request] : requests_) count(request);
  requests_.clear();
  executions_.clear();
}

}  // namespace host_cuda
