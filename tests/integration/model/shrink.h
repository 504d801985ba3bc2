// Fewer operations that lead to the same mismatch.
#pragma once

#include <optional>

#include "tests/integration/model/contest.h"

namespace sluice::model {

// In directories that it makes: the arena's names with something behind. Nothing if it does not happen a second time.
std::optional<Round> shrink(const std::vector<Operation>& operations, const Mismatch& mismatch,
                            const Arena& arena);

}  // namespace sluice::model
