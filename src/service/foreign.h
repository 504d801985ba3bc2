// Serving the hello of a FUSE server that wants grants: for a connection of its own, or for one that is made for it.
#pragma once

#include "os/fd.h"
#include "service/setup.h"

namespace sluice::service {

// Set-up process. device: what the peer handed over as its connection. Whose that is, the kernel says.
core::Outcome serve_connection_of_peer(const Setup& setup, os::Fd device);

// Set-up process. A connection that is the peer's because this process has made it: nothing that the peer holds has to
// be identified, which takes Linux 6.16. Its mount is one as fusermount3(1) makes them, of the initial user namespace:
// for the peer's uid and gid alone, default_permissions, nosuid and nodev, which nobody takes off again
// (os/locked_mount.h), since whoever serves it may invent device nodes and set-user-ID files. The peer attaches it
// where it may. The server answers INIT itself, and sees the ids of the initial user namespace; what it may stack on, the
// broker decides for each file. The connection ends with its mount or with the last of its descriptors: the server's,
// its session's and the broker's, which ends with the session.
core::Outcome make_connection_for_peer(const Setup& setup);

}  // namespace sluice::service
