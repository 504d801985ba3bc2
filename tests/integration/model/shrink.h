// Fewer operations that lead to the same mismatch.
#pragma once

#include <optional>

#include "tests/integration/model/contest.h"

namespace sluice::model {

// In directories that it makes: the arena's names with something behind. What does not end in a
// mismatch ends in trees that differ. Nothing if it does not happen a second time.
std::optional<Round> shrink(const Round& round, const Arena& arena);

}  // namespace sluice::model
