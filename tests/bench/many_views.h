// What many views cost on one host, most of which nobody uses: each of a user of its own, of as many services as it takes, since
// the descriptors that a process may have are bounded by the host.
#pragma once

#include <string>

#include "ground.h"
#include "process.h"

namespace sluicebench {

// Makes so many views, looks at them with their workers and when all rest, and returns the figures as a table in Markdown. Throws
// where the host has not enough of something.
std::string ManyViews(const Ground& ground, int views, const Deadline& deadline);

}  // namespace sluicebench
