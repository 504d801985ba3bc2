// How long something takes, or may.
#pragma once

#include <cstdint>
#include <ctime>

namespace sluice::service {

// Of the monotonic clock.
inline int64_t now_milliseconds() {
  struct timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1000000;
}

}  // namespace sluice::service
