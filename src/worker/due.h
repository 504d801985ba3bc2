// When something is to be done, in milliseconds from now; -1: never.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sluice::worker {

inline int sooner(int a, int b) { return a < 0 ? b : b < 0 ? a : std::min(a, b); }

// time: in nanoseconds, as now is; INT64_MAX: never. 0: it is time.
inline int milliseconds_until(int64_t time, int64_t now) {
  if (time == INT64_MAX) return -1;
  return time <= now ? 0 : static_cast<int>((time - now) / 1'000'000 + 1);
}

}  // namespace sluice::worker
