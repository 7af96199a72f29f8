#include "host_cuda/asynchronous_copy.h"

#include <cstdint>
#include <cstring>
#include <utility>

#include "host_cuda/access.h"
#include "host_cuda/scheduler.h"

namespace host_cuda {
namespace {

void land(AsynchronousCopy& copy) {
  copy.landed = true;
  std::memcpy(copy.to, copy.from, copy.bytes - copy.zeros);
  std::memset(copy.to + (copy.bytes - copy.zeros), 0, copy.zeros);
}

bool lands_at_once() {
  switch (scheduler.schedule.landing) {
    case Landing::kLate:
      return false;
    case Landing::kEarly:
      return true;
    default:
      return scheduler.random()() % 2 == 0;
  }
}

}  // namespace
}  // namespace host_cuda

using host_cuda::scheduler;

void __pipeline_memcpy_async(void* to, const void* from, std::size_t bytes, std::size_t zeros,
                             std::source_location place) {
  if (bytes != 4 && bytes != 8 && bytes != 16) scheduler.fail("cp.async of other than 4, 8 or 16 bytes", place);
  if (zeros > bytes) scheduler.fail("cp.async of fewer bytes than are to be zero", place);
  if (reinterpret_cast<std::uintptr_t>(to) % bytes != 0 || reinterpret_cast<std::uintptr_t>(from) % bytes != 0) {
    scheduler.fail("misaligned cp.async", place);
  }
  host_cuda::AsynchronousCopy copy{static_cast<std::byte*>(to), static_cast<const std::byte*>(from), bytes, zeros};
  record_copy_issued(copy, place);
  if (host_cuda::lands_at_once()) host_cuda::land(copy);
  scheduler.current().copies.uncommitted.push_back(copy);
}

void __pipeline_commit() {
  auto& copies = scheduler.current().copies;
  copies.groups.push_back(std::exchange(copies.uncommitted, {}));
}

void __pipeline_wait_prior(std::size_t newest_groups) {
  auto& groups = scheduler.current().copies.groups;
  while (groups.size() > newest_groups) {
    for (auto& copy : groups.front()) {
      if (!copy.landed) host_cuda::land(copy);
      host_cuda::record_copy_waited_for(copy);
    }
    groups.erase(groups.begin());
  }
}
