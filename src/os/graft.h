// Putting one tree into another.
#pragma once

#include <string_view>

#include "os/fd.h"

namespace sluice::os {

// Worker, at its start, in its own mount namespace: attaches a detached tree (borrowed) on the directory
// at path below root. kGraftPlace where there is none.
core::Outcome attach_below(int root, std::string_view path, int tree);

}  // namespace sluice::os
