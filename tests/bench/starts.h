// How long a view takes to serve, and what an idle one costs in memory.
#pragma once

#include <string>
#include <vector>

#include "ground.h"
#include "memory.h"
#include "process.h"

namespace sluicebench {

// From the start of `sluice mount` to the first stat that worked, one view after the other. socket:
// of a service that runs; else each command starts one.
std::vector<double> SecondsToServe(const Ground& ground, int count, const Deadline& deadline,
                                   const std::string& socket = {});

// What `sluice run OPTIONS -- true` takes longer than true itself, one after the other in turn, through
// the service at socket.
struct RunTimes {
  std::vector<double> run;    // seconds from the fork to the end
  std::vector<double> alone;  // true by itself
  std::vector<double> more;   // of each pair, the difference
};
RunTimes SecondsToRunTrue(const Ground& ground, int count, const Deadline& deadline,
                          const std::string& socket, const std::vector<std::string>& options = {});

// Of a view that served one stat and was then left alone for a moment.
std::vector<Memory> IdleMemory(const Ground& ground, const Deadline& deadline);

}  // namespace sluicebench
