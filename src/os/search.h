// Whether somebody may search a directory.
#pragma once

#include <cstdint>

namespace sluice::os {

// Set-up process, which is root and has one thread. directory: O_PATH. As the kernel says to who has this uid and group beside the
// caller's own groups: to tell a peer of a mistake, and never to decide what it gets.
bool may_search(int directory, uint32_t uid, uint32_t gid);

}  // namespace sluice::os
