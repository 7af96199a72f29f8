#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace infini {

/// Threads that run tasks in the order in which they were given. Destroyed, they finish what they have begun and leave
/// the rest.
class WorkerThreads {
 public:
  explicit WorkerThreads(int64_t threads);
  ~WorkerThreads();
  WorkerThreads(const WorkerThreads&) = delete;
  WorkerThreads& operator=(const WorkerThreads&) = delete;

  /// The future gives what the task returns or throws.
  template <typename Task>
  auto run(Task task) {
    using Result = std::invoke_result_t<Task&>;
    // std::function must be able to copy what it holds, hence the shared pointer.
    const auto packaged = std::make_shared<std::packaged_task<Result()>>(std::move(task));
    std::future<Result> result = packaged->get_future();
    add([packaged] { (*packaged)(); });
    return result;
  }

 private:
  void add(std::function<void()> task);
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace infini
