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

// Of a view that served one stat and was then left alone for a moment.
std::vector<Memory> IdleMemory(const Ground& ground, const Deadline& deadline);

}  // namespace sluicebench
