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

core::Result<Fd> connect_to(std::string_view path);
// A datagram socket that sends to this address, and never waits; '@' in front: an abstract one.
core::Result<Fd> datagrams_to(std::string_view address);

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
// The control groups of the process that connected, as /proc/PID/cgroup has them. Linux 6.5.
core::Result<std::string> groups_of_peer(int socket);
// Its label, as /proc/PID/attr/current has it. EINVAL where no security module has one.
core::Result<std::string> label_in_proc_of_peer(int socket);

// fds (borrowed) go along. EPIPE instead of SIGPIPE.
core::Outcome send_message(int socket, std::span<const uint8_t> bytes, std::span<const int> fds = {});

struct Message {
  size_t length;        // of what is in the buffer; 0: the peer closed
  std::vector<Fd> fds;  // at most as many as asked for; more, or a cut message, is an error
};
core::Result<Message> receive_message(int socket, std::span<uint8_t> buffer, size_t most_fds);
// The same, and it stays there for whoever looks next. EAGAIN: there is none.
core::Result<Message> peek_message(int socket, std::span<uint8_t> buffer, size_t most_fds);

// Receiving and sending on it fail with EAGAIN after so long.
core::Outcome set_timeout(int socket, uint32_t milliseconds);
// Sending alone does.
core::Outcome set_send_timeout(int socket, uint32_t milliseconds);

}  // namespace sluice::os
