// Serving the hello of a FUSE server that wants grants for a connection of its own.
#pragma once

#include "os/fd.h"
#include "service/setup.h"

namespace sluice::service {

// Set-up process. device: what the peer handed over as its connection.
core::Outcome make_foreign(const Setup& setup, os::Fd device);

}  // namespace sluice::service
