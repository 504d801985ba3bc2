// How long to look for the next request before sleeping.
//
// Waking a process on another core costs 10 to 40 us, more than most requests. A client that asks
// again soon is therefore waited for awake, but only while that pays: not where client and worker
// share a core, and not where the next request takes its time. One wait in a while tries again.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sluice::worker {

class Patience {
 public:
  // several_cores: on a single one, a client cannot ask while the worker looks.
  explicit Patience(bool several_cores) : several_cores_(several_cores) {}

  // For the wait that begins now. 0: sleep at once.
  int64_t nanoseconds() {
    if (!several_cores_) return 0;
    if (credit_ == 0 && ++sleeps_ % kTryEvery != 0) return 0;
    return kMost;
  }
  // Whether a request came while it looked.
  void looked(bool found) {
    credit_ = found ? std::min(credit_ + 2, kMostCredit) : std::max(credit_ - 1, 0);
  }

 private:
  static constexpr int64_t kMost = 50'000;
  static constexpr int kMostCredit = 16;
  static constexpr uint32_t kTryEvery = 64;
  const bool several_cores_;
  int credit_ = 0;
  uint32_t sleeps_ = 0;
};

}  // namespace sluice::worker
