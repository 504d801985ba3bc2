// The brief check: five rows, on one processor, compared with what is recorded in the repository.
#pragma once

#include <nlohmann/json.hpp>

#include "ground.h"
#include "rounds.h"

namespace sluicebench {

inline constexpr char kCreate[] = "create";
// The most telling ones: data, attributes, opens, listings and what is made.
inline constexpr const char* kBrief[] = {kRandomWrite, "stat, first touch", kOpenClose,
                                         "ls -lR, first", kCreate};

// Prints a line for each recorded row of a view; false where one is twice as bad as it is recorded,
// in each of a few attempts.
bool AsGoodAsRecorded(const Grounds& grounds, const std::vector<Result>& recorded,
                      const Deadline& deadline);

}  // namespace sluicebench
