#include "host_cuda/plan.h"

#include "host_cuda/scheduler.h"

namespace host_cuda {

std::vector<Launch> plan(const std::function<void()>& launches) {
  struct Planning {
    explicit Planning(std::vector<Launch>& plan) { scheduler.plan = &plan; }
    ~Planning() { scheduler.plan = nullptr; }
  };
  std::vector<Launch> plan;
  const Planning planning(plan);
  launches();
  return plan;
}

}  // namespace host_cuda
