// SOCK_SEQPACKET sockets: one message is one packet, whole or not at all.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "os/fd.h"

namespace sluice::os {

core::Result<std::pair<Fd, Fd>> socket_pair();

// Service. A socket with a name, which goes with remove().
struct Listener {
  Fd socket;
  Fd directory;      // O_PATH
  std::string name;  // in there
  void remove() const;
};
// Listens at path; an old socket there is replaced, unless somebody answers it (EADDRINUSE).
core::Result<Listener> listen_at(std::string_view path, uint32_t mode);
core::Result<Fd> connect_to(std::string_view path);
core::Result<Fd> accept_from(int listener);

// Who is at the other end, by the kernel's word at connect time.
struct Peer {
  uid_t uid;
  gid_t gid;
  pid_t pid;  // for logs only: it may be reused
  std::vector<gid_t> groups;
};
core::Result<Peer> peer_of(int socket);

// Whether the process that connected has given up gaining privileges by exec (no_new_privs, which
// nobody can take back, and which all that it starts has too). Linux 6.5.
core::Result<bool> peer_is_confined(int socket);

// fds (borrowed) go along. EPIPE instead of SIGPIPE.
core::Outcome send_message(int socket, std::span<const uint8_t> bytes, std::span<const int> fds = {});

struct Message {
  size_t length;        // of what is in the buffer; 0: the peer closed
  std::vector<Fd> fds;  // at most as many as asked for; more, or a cut message, is an error
};
core::Result<Message> receive_message(int socket, std::span<uint8_t> buffer, size_t most_fds);

// Receiving and sending on it fail with EAGAIN after so long.
core::Outcome set_timeout(int socket, uint32_t milliseconds);

}  // namespace sluice::os
