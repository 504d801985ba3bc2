// Whose a FUSE connection is that a peer hands over, by the kernel's word.
//
// Service, in a set-up process. The descriptor may be of anything: nothing here asks its filesystem.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "os/fd.h"

namespace sluice::os {

// The number of the connection that an open /dev/fuse serves, which is the minor number of its mount's device
// (fdinfo, Linux 6.16). While device is held, and its mount is there, no other connection has it.
// kConnectionNotFuse: it is something else, a CUSE device, or O_PATH. kConnectionNotMounted: there is none.
core::Result<uint32_t> connection_served_by(int device);

// The mount namespace of the process that connected.
struct PeerNamespace {
  Fd mounts;
  uint64_t id;  // which the kernel gives to no other (Linux 6.11)
};
// kConnectionForeign where this may not be looked at, or where it belongs to another user namespace than the
// peer is in: what is mounted there was not mounted by the likes of the peer. uid, gid: the peer's, as the socket
// tells them; the look is taken as that user, who may look into what is its own without any privilege.
core::Result<PeerNamespace> namespace_of_peer(int socket, uid_t uid, gid_t gid);

// Where a connection is mounted in a mount namespace; shown only. kConnectionForeign where it is not (listmount
// and statmount, Linux 6.11).
core::Result<std::string> mountpoint_in(const PeerNamespace& where, uint32_t connection);

// The label that a security module has for the process that connected; empty: there is none.
core::Result<std::string> label_of_peer(int socket);

}  // namespace sluice::os
