// Counts allocations, for promises that none are made.
#pragma once

#include <cstddef>

namespace sluice::test {

// Of this thread, so far.
size_t allocations();

}  // namespace sluice::test
