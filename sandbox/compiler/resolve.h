// Turns what was written into what the kernel compares: numbers of calls, widths of arguments.
#pragma once

#include "sandbox/compiler/policy.h"

namespace sluice::sandbox {

// Fills in Rule::number and Rule::info, and cuts each mask and value to the bits that the kernel
// reads of the argument: an int argument is compared by its lower 32 bits, whatever an attacker
// leaves in the upper half of the register. Refuses conditions that can never or always be true,
// and those on pointers other than == 0. False where it added a diagnostic; the rules at fault are
// then removed.
bool resolve(Policy& policy, Diagnostics& diagnostics);

}  // namespace sluice::sandbox
