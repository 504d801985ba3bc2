// Being at home in a tree, and nowhere else.
#pragma once

#include "os/fd.h"

namespace sluice::os {

// Broker and worker, before they are confined: makes the detached tree (consumed) the root and working directory
// of this process and of its own mount namespace; nothing else is mounted there afterwards.
// kSourceUnreadable where this process may not search it.
core::Outcome enter_tree(Fd tree);

}  // namespace sluice::os
