// The two ioctls that grant passthrough on a FUSE connection (Linux 6.9).
#pragma once

#include "os/fd.h"

namespace sluice::os {

// Broker. Registers what file (borrowed) holds: the backing id, > 0. Needs CAP_SYS_ADMIN in the
// initial user namespace (Linux 6.9).
core::Result<int> backing_open(int device, int file);
core::Outcome backing_close(int device, int backing_id);

}  // namespace sluice::os
