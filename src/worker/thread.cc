#include "worker/thread.h"

#include <utility>

namespace sluice::worker {

void Thread::start(std::function<void()> first, std::function<void()> rest) {
  thread_ = std::thread([this, first = std::move(first), rest = std::move(rest)] {
    first();
    {
      const std::lock_guard lock(mutex_);
      runs_ = true;
      changed_.notify_all();
    }
    rest();
  });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return runs_; });
}

}  // namespace sluice::worker
