// Many views and many inodes: what one more costs.
#pragma once

#include <vector>

#include "ground.h"
#include "rounds.h"

namespace sluicebench {

// One operation in a view, over the number of views that one service has, up to most.
std::vector<Result> ViewsCurve(const Ground& ground, int most, int rounds, double loop_seconds,
                               const Deadline& deadline);

inline constexpr int kInodes = 100'000;
// By how many KiB the servers of a side grow when the kernel learns of kInodes files.
struct Growth {
  std::string side;
  std::string filesystem;
  long kib;
};
std::vector<Growth> MemoryGrowth(const Ground& ground, const std::vector<std::string>& sides,
                                 const Deadline& deadline);
std::string GrowthText(const std::vector<Growth>& all);

}  // namespace sluicebench
