// A thread that the worker starts before its seccomp filter is on: none can be started afterwards.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace sluice::worker {

class Thread {
 public:
  // Returns when the thread has done first, and so runs: the C library makes calls on its first steps that
  // the filter forbids. rest runs until the process exits, which the main thread does with _exit when
  // the view ends.
  void start(std::function<void()> first, std::function<void()> rest);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool runs_ = false;
  std::thread thread_;
};

}  // namespace sluice::worker
