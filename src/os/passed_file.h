// Files whose descriptors a stranger hands over: taking them, and looking at them without asking the
// filesystem that they are of, which may be the stranger's own and never answer.
#pragma once

#include <cstdint>
#include <span>

#include "os/fd.h"

namespace sluice::os {

// Broker of a foreign connection. One message, with at most one descriptor; nothing is allocated.
struct PassedMessage {
  size_t length;  // of what is in the buffer; 0: the peer closed
  Fd fd;
};
// kProtocol where there was more, which the kernel has then closed.
core::Result<PassedMessage> receive_passed(int socket, std::span<uint8_t> buffer);

// Whether the FUSE connection that device serves is not mounted, or has ended: the number that it had may be another's.
bool connection_ended(int device);

// Until one of the sockets is closed at its other end, or the connection that device serves is gone. The latter is
// looked at once a second: to wait for it is to wake up with each request of the kernel.
void wait_for_hangup(std::span<const int> sockets, int device);

// The flags of open(2) that fd has now.
core::Result<int> open_flags(int fd);

// The magic number of the filesystem that fd is on, from the mount (statmount, Linux 6.11): ENOENT where that is
// not one of this mount namespace. Needs CAP_SYS_ADMIN over it.
core::Result<uint64_t> filesystem_in_namespace(int fd, uint64_t mount_namespace);

// Whether this process's effective ids may read and write what fd holds (faccessat2, Linux 5.8).
core::Outcome may_read_and_write(int fd);

}  // namespace sluice::os
