// Whether somebody may search a directory.
#pragma once

#include <cstdint>
#include <span>

namespace sluice::os {

// Set-up process, which is root, has one thread, and has no supplementary groups afterwards. directory: O_PATH. To tell a peer of a
// mistake at once, and never to decide what it gets: that is as of now. Needs SETUID and SETGID.
bool may_search(int directory, uint32_t uid, uint32_t gid, std::span<const uint32_t> groups);

}  // namespace sluice::os
