// Messages on a descriptor that a process was given, and waiting for them. All that a confined process
// needs of its sockets and of /dev/fuse.
#pragma once

#include <cstdint>
#include <span>

#include "os/fd.h"

namespace sluice::os {

// For confined processes: read(2) and write(2). Descriptors that a peer attaches are dropped by the
// kernel, since nothing takes them. 0: the peer closed.
core::Result<size_t> read_message(int socket, std::span<uint8_t> buffer);
core::Outcome write_message(int socket, std::span<const uint8_t> bytes);

// Waits until one of them is readable; < 0 milliseconds: for ever. Fails with ECONNRESET once the other
// end of lifeline is closed.
struct Readable {
  bool fd;
  bool lifeline;
  bool other;
};
core::Result<Readable> wait_readable_while(int fd, int lifeline, int milliseconds, int other = -1);

}  // namespace sluice::os
