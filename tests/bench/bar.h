// The bars that no change may fall below, for ctest. Counts of requests are exact; times are not, so
// theirs are the goal (0.9 of native, 10 times native) with room for the noise of a busy machine, and
// for the 0.909 that passthrough itself leaves of a 4 KiB write on tmpfs. Meant to be run on one
// processor (taskset): a hand-over to another one costs several times what is measured here.
#pragma once

#include "ground.h"
#include "process.h"

namespace sluicebench {

inline constexpr double kLeastThroughput = 0.75;  // of native: random writes, sequential reads
inline constexpr double kMostOpenClose = 18;      // times native; most of it is waking the worker
inline constexpr double kMostSecondsToServe = 0.050;
inline constexpr double kMostSecondsToRun = 0.060;  // `sluice run -- true` more than true, a service runs
inline constexpr long kMostPrivateKib = 4096;  // broker and worker of an idle view
// Requests per operation, which no noise moves. On contents: only what opens the file.
inline constexpr double kMostWriteRequests = 0.05;
inline constexpr double kMostReadRequests = 0.5;  // of 1 MiB, of which there are not many
inline constexpr double kMostOpenRequests = 2.1;  // OPEN and RELEASE

// Prints a line for each bar, and whether it was met; false unless all of them were.
bool MeetsBars(const Grounds& grounds, const Deadline& deadline);

}  // namespace sluicebench
