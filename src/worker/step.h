// Where a test kills the worker: before each store that a later worker sees, and around what others see of it.
// In what is shipped there are no such places.
#pragma once

#include <string_view>

namespace sluice::worker {

#ifdef SLUICE_STEPS
// A name that is looked up arms them: the so many-th step from then on is the last; 0: none. Not 0: the look-up fails so, with EBUSY
// where a step was still to come.
int arm_steps(std::string_view name);
void step();
#else
inline int arm_steps(std::string_view) { return 0; }
inline void step() {}
#endif

}  // namespace sluice::worker
