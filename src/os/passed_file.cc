#include "os/passed_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <iterator>

#include "os/kernel_abi_more.h"

namespace sluice::os {

core::Result<PassedMessage> receive_passed(int socket, std::span<uint8_t> buffer) {
  struct iovec piece {buffer.data(), buffer.size()};
  // Exactly one fits: the kernel closes what does not, and says that it has.
  alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  struct msghdr header {};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = CMSG_LEN(sizeof(int));
  const ssize_t length = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  if (length < 0) return failure();
  PassedMessage message{static_cast<size_t>(length), Fd()};
  const struct cmsghdr* part = CMSG_FIRSTHDR(&header);
  if (part != nullptr && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS &&
      part->cmsg_len == CMSG_LEN(sizeof(int))) {
    int fd;
    std::memcpy(&fd, CMSG_DATA(part), sizeof(fd));
    message.fd = Fd(fd);
  }
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return core::Failure{EPROTO, core::Reason::kProtocol};
  }
  return message;
}

bool connection_ended(int device) {
  struct pollfd state {device, 0, 0};
  const struct timespec at_once {0, 0};
  return ::ppoll(&state, 1, &at_once, nullptr) != 0;
}

void wait_for_hangup(std::span<const int> sockets, int device) {
  struct pollfd entries[4];
  size_t count = 0;
  for (const int socket : sockets.first(std::min(sockets.size(), std::size(entries)))) entries[count++] = {socket, 0, 0};
  for (;;) {
    const struct timespec second {1, 0};
    if (::ppoll(entries, count, &second, nullptr) != 0) return;
    if (connection_ended(device)) return;
  }
}

core::Result<int> open_flags(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return failure();
  return flags;
}

core::Result<uint64_t> filesystem_in_namespace(int fd, uint64_t mount_namespace) {
  struct statx stat;
  if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, abi::kStatxMntIdUnique, &stat) < 0) {
    return failure();
  }
  const abi::MntIdReq request{sizeof(request), 0, stat.stx_mnt_id, abi::kStatmountSbBasic, mount_namespace};
  abi::Statmount answer{};
  if (::syscall(abi::kSysStatmount, &request, &answer, sizeof(answer), 0) < 0) return failure();
  return uint64_t{answer.sb_magic};
}

core::Outcome may_read_and_write(int fd) {
  return checked(::syscall(SYS_faccessat2, fd, "", R_OK | W_OK, AT_EACCESS | AT_EMPTY_PATH));
}

}  // namespace sluice::os
