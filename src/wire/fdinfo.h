// What the kernel says of an open file in /proc/PID/fdinfo. PURE.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::wire {

// The connection that an open /dev/fuse serves: the minor number of its mount's device. None: it is not
// mounted, or is no /dev/fuse, or the kernel does not say (before Linux 6.16).
std::optional<uint32_t> connection_in_fdinfo(std::string_view text);

}  // namespace sluice::wire
