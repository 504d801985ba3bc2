// The bars that no change may fall below, for ctest: wide enough for a noisy machine, and far from
// what the view reaches.
#pragma once

#include "ground.h"
#include "process.h"

namespace sluicebench {

inline constexpr double kLeastThroughput = 0.9;  // of native: random writes, sequential reads
inline constexpr double kMostOpenClose = 10;     // times native
inline constexpr double kMostSecondsToServe = 0.050;
inline constexpr long kMostPrivateKib = 4096;  // broker and worker of an idle view
// Requests per operation, which no noise moves. On contents: only what opens the file.
inline constexpr double kMostWriteRequests = 0.05;
inline constexpr double kMostReadRequests = 0.5;  // of 1 MiB, of which there are not many
inline constexpr double kMostOpenRequests = 2.1;  // OPEN and RELEASE

// Prints a line for each bar, and whether it was met; false unless all of them were. The sources
// are filled.
bool MeetsBars(const Grounds& grounds, const Deadline& deadline);

}  // namespace sluicebench
