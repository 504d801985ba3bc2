// What many views cost, most of which nobody uses: of one service, each of a user of its own.
#pragma once

#include <string>

#include "ground.h"
#include "process.h"

namespace sluicebench {

// Makes so many views, or as many as the service gives, looks at them with their workers and when all rest, and returns the figures
// as a table in Markdown.
std::string ManyViews(const Ground& ground, int views, const Deadline& deadline);

}  // namespace sluicebench
