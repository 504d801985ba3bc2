// The one process of a foreign connection.
#pragma once

#include "core/result.h"
#include "os/fd.h"
#include "os/process.h"
#include "service/processes.h"
#include "wire/foreign_config.h"

namespace sluice::service {

struct ForeignBroker {
  os::Child process;
  os::Fd events;
  os::Fd read_only, read_write;  // the server's ends of its two channels
};

// A descriptor a grant, and those that it starts with: its RLIMIT_NOFILE, by which another service knows its share. So
// another number of these is another version of wire/stored_view.h.
inline uint32_t most_files_of_connection(uint32_t grants) { return grants + 64; }

// Set-up process. Starts it and waits until it is confined and serves. executable, device (the connection's
// /dev/fuse) are borrowed. On failure it is not left.
core::Result<ForeignBroker> start_foreign_broker(int executable, int device, const Identity& identity,
                                                 const wire::ForeignConfig& config);

}  // namespace sluice::service
