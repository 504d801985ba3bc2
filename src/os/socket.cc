#include "os/socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "core/limits.h"
#include "os/kernel_abi_more.h"

namespace sluice::os {
namespace {

// All that a view is served with, with as many grafts as there may be (service/store.cc).
constexpr size_t kMostFds = 34;

core::Result<struct sockaddr_un> address_of(std::string_view path) {
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return core::Failure{ENAMETOOLONG, core::Reason::kSystem};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

core::Result<Fd> new_socket() {
  return checked_fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
}

}  // namespace

core::Result<std::pair<Fd, Fd>> socket_pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) return failure();
  return std::pair{Fd(fds[0]), Fd(fds[1])};
}

core::Result<Fd> connect_to(std::string_view path) {
  const auto address = address_of(path);
  if (!address.ok()) return address.failure();
  auto socket = new_socket();
  if (!socket.ok()) return socket;
  // A service that is stuck accepts nobody: EAGAIN then, instead of a wait without end.
  const struct timeval most {core::Limits::kSetupSeconds, 0};
  (void)::setsockopt(socket->get(), SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most));
  if (::connect(socket->get(), reinterpret_cast<const struct sockaddr*>(&*address),
                sizeof(*address)) < 0) {
    return failure();
  }
  return socket;
}

core::Result<Fd> datagrams_to(std::string_view address) {
  struct sockaddr_un to {};
  to.sun_family = AF_UNIX;
  if (address.size() < 2 || address.size() >= sizeof(to.sun_path) ||
      (address.front() != '/' && address.front() != '@')) {
    return core::Failure{EINVAL, core::Reason::kSystem};
  }
  std::memcpy(to.sun_path, address.data(), address.size());
  if (address.front() == '@') to.sun_path[0] = '\0';
  auto socket = checked_fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.ok()) return socket;
  const auto length = static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + address.size());
  if (::connect(socket->get(), reinterpret_cast<const struct sockaddr*>(&to), length) < 0) {
    return failure();
  }
  return socket;
}

core::Result<Peer> peer_of(int socket) {
  struct ucred credentials;
  socklen_t length = sizeof(credentials);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) return failure();
  Peer peer{credentials.uid, credentials.gid, credentials.pid, {}};
  length = 0;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, nullptr, &length) < 0 && errno != ERANGE) {
    return failure();
  }
  peer.groups.resize(length / sizeof(gid_t));
  if (length > 0 &&
      ::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &length) < 0) {
    return failure();
  }
  return peer;
}

namespace {

// A file of the process that connected, in its directory of /proc.
core::Result<std::string> read_of_peer(int socket, const char* name) {
  auto peer = peer_of(socket);
  if (!peer.ok()) return peer.failure();
  int process = -1;
  socklen_t length = sizeof(process);
  if (::getsockopt(socket, SOL_SOCKET, abi::kSoPeerpidfd, &process, &length) < 0) return failure();
  const Fd held(process);
  char path[64];
  std::snprintf(path, sizeof(path), "/proc/%d/%s", peer->pid, name);
  const auto file = checked_fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file.ok()) return file.failure();
  char text[8192];
  const ssize_t got = ::read(file->get(), text, sizeof(text));
  if (got <= 0) return failure();
  // It is there still, so what was read was of this process and not of another with its number.
  struct pollfd end {held.get(), POLLIN, 0};
  if (::poll(&end, 1, 0) != 0) return core::Failure{ESRCH, core::Reason::kNotPermitted};
  return std::string(text, static_cast<size_t>(got));
}

}  // namespace

core::Result<bool> peer_is_confined(int socket) {
  const auto status = read_of_peer(socket, "status");
  if (!status.ok()) return status.failure();
  constexpr std::string_view kWord = "\nNoNewPrivs:\t";
  const size_t said = status->find(kWord);
  if (said == std::string::npos || said + kWord.size() >= status->size()) {
    return core::Failure{ENOSYS, core::Reason::kNotPermitted};
  }
  return (*status)[said + kWord.size()] != '0';
}

core::Result<std::string> groups_of_peer(int socket) { return read_of_peer(socket, "cgroup"); }
core::Result<std::string> label_in_proc_of_peer(int socket) {
  auto label = read_of_peer(socket, "attr/current");
  if (!label.ok() && label.failure().error == ENOENT) return core::Failure{EINVAL, core::Reason::kSystem};
  if (label.ok() && label->ends_with('\n')) label->pop_back();
  return label;
}

core::Outcome send_message(int socket, std::span<const uint8_t> bytes, std::span<const int> fds) {
  struct iovec piece {const_cast<uint8_t*>(bytes.data()), bytes.size()};
  struct msghdr message {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMostFds)] = {};
  if (fds.size() > kMostFds) return core::Failure{E2BIG, core::Reason::kSystem};
  if (!fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  }
  return checked(::sendmsg(socket, &message, MSG_NOSIGNAL));
}

namespace {

core::Result<Message> receive(int socket, std::span<uint8_t> buffer, size_t most_fds, int flags) {
  struct iovec piece {buffer.data(), buffer.size()};
  struct msghdr header {};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMostFds)];
  header.msg_control = control;
  header.msg_controllen = most_fds == 0 ? 0 : CMSG_SPACE(sizeof(int) * std::min(most_fds, kMostFds));
  const ssize_t length = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC | flags);
  if (length < 0) return failure();
  Message message{static_cast<size_t>(length), {}};
  bool foreign = false;
  for (struct cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
       part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
      foreign = true;
      continue;
    }
    // Every descriptor is taken before anything is judged, so that none is left open.
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      message.fds.emplace_back(fd);
    }
  }
  if (foreign || message.fds.size() > most_fds ||
      (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return core::Failure{EPROTO, core::Reason::kProtocol};
  }
  return message;
}

}  // namespace

core::Result<Message> receive_message(int socket, std::span<uint8_t> buffer, size_t most_fds) {
  return receive(socket, buffer, most_fds, 0);
}
core::Result<Message> peek_message(int socket, std::span<uint8_t> buffer, size_t most_fds) {
  return receive(socket, buffer, most_fds, MSG_PEEK | MSG_DONTWAIT);
}

core::Outcome set_timeout(int socket, uint32_t milliseconds) {
  const struct timeval time {milliseconds / 1000, milliseconds % 1000 * 1000};
  if (::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)) < 0) return failure();
  return set_send_timeout(socket, milliseconds);
}
core::Outcome set_send_timeout(int socket, uint32_t milliseconds) {
  const struct timeval time {milliseconds / 1000, milliseconds % 1000 * 1000};
  return checked(::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)));
}

}  // namespace sluice::os
