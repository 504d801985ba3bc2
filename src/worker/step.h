// Where a test kills the worker: before each store that a later worker sees, and around what others see of it.
// In what is shipped there are no such places.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::worker {

#ifdef SLUICE_STEPS
// A name that is looked up arms them: the so many-th step from then on is the last, and there is no such name.
bool arm_steps(std::string_view name);
void step();
#else
inline bool arm_steps(std::string_view) { return false; }
inline void step() {}
#endif

}  // namespace sluice::worker
