// How results are shown.
#pragma once

#include <string>
#include <vector>

#include "rounds.h"

namespace sluicebench {

// One line per measure, one column of ratios per filesystem, and what an operation of the view
// costs in requests.
void PrintTable(const std::vector<Result>& results);

// All rounds, for programs; throws Failure.
void WriteJson(const std::vector<Result>& results, const std::string& path);

}  // namespace sluicebench
