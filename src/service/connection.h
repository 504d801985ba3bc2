// A FUSE connection, from nothing to a mount whose features are frozen.
#pragma once

#include <cstdint>
#include <vector>

#include "core/result.h"
#include "os/fd.h"
#include "os/fuse_device.h"

namespace sluice::service {

struct Connection {
  os::Fd device;              // /dev/fuse
  os::Fd mount;               // detached
  std::vector<uint8_t> init;  // the kernel's INIT, for the worker's libfuse
};

// Set-up process. Reads and answers INIT itself: no worker decides what its connection may do.
core::Result<Connection> make_connection(const os::FuseMount& options);

// Set-up process. One whose INIT is unread: for another's server, which answers it.
core::Result<Connection> make_unanswered_connection(const os::FuseMount& options);

}  // namespace sluice::service
