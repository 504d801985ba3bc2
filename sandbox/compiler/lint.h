// Rules for authors of policies.
#pragma once

#include "sandbox/compiler/policy.h"

namespace sluice::sandbox {

// Of a resolved policy. Adds a diagnostic for each
// - dangerous call (calls.h) without a comment directly above the line that says why,
// - call that takes a path and no directory fd; only files given with --extra may have them, with a
//   reason: they are in no release,
// - openat2 whose reason has no "landlock:" that says what bounds it: the flags that matter are in
//   memory, where no filter sees them,
// - line that can never be true, or that expands to too many comparisons,
// - line that says nothing new: the same as another, or with conditions beside one without; a file
//   given with --extra may widen the lines of the policy.
// False where it added one.
bool lint(const Policy& policy, Diagnostics& diagnostics);

}  // namespace sluice::sandbox
