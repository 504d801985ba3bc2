#include "os/service_link.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "wire/fdinfo.h"

namespace sluice::os {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

struct timespec time_of(int64_t nanoseconds) {
  return {static_cast<time_t>(nanoseconds / kSecond), static_cast<long>(nanoseconds % kSecond)};
}

// Linux 6.18 has the state; the line in fdinfo is older (6.16).
bool kernel_waits_for_mount() {
  struct utsname names;
  if (::uname(&names) < 0) return true;
  char* end = nullptr;
  const unsigned long major = std::strtoul(names.release, &end, 10);
  const unsigned long minor = *end == '.' ? std::strtoul(end + 1, nullptr, 10) : 0;
  return major > 6 || (major == 6 && minor >= 16);
}

}  // namespace

int64_t nanoseconds_now() {
  struct timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

void sleep_nanoseconds(int64_t time) {
  struct timespec rest = time_of(time);
  while (::nanosleep(&rest, &rest) < 0 && errno == EINTR) {
  }
}

core::Result<Fd> connect_now(const char* path) {
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  const size_t length = std::strlen(path);
  if (length == 0 || length >= sizeof(address.sun_path)) return core::Failure{ENAMETOOLONG, core::Reason::kSystem};
  std::memcpy(address.sun_path, path, length);
  auto socket = checked_fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.ok()) return socket;
  while (::connect(socket->get(), reinterpret_cast<const struct sockaddr*>(&address), sizeof(address)) < 0) {
    if (errno != EINTR) return failure();
  }
  return socket;
}

core::Outcome send_packet(int socket, std::span<const uint8_t> bytes, int fd) {
  struct iovec piece {const_cast<uint8_t*>(bytes.data()), bytes.size()};
  struct msghdr message {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof(int));
  }
  ssize_t sent;
  do {
    sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return checked(sent);
}

core::Result<Packet> receive_packet(int socket, std::span<uint8_t> buffer, int64_t spin, int64_t deadline) {
  struct iovec piece {buffer.data(), buffer.size()};
  struct msghdr message;
  alignas(struct cmsghdr) char control[CMSG_SPACE(kMostPacketFds * sizeof(int))];
  ssize_t length;
  for (;;) {
    message = {};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    length = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (length >= 0) break;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return failure();
    const int64_t now = nanoseconds_now();
    if (now < spin) continue;
    if (now >= deadline) return core::Failure{ETIMEDOUT, core::Reason::kTimeout};
    struct pollfd waiting {socket, POLLIN, 0};
    const struct timespec rest = time_of(deadline - now);
    if (::ppoll(&waiting, 1, &rest, nullptr) < 0 && errno != EINTR) return failure();
  }
  Packet packet{static_cast<size_t>(length), {}};
  size_t places = 0;
  bool foreign = false;
  for (struct cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
      foreign = true;
      continue;
    }
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      Fd taken(fd);  // before anything is judged, so that none is left open
      if (places < kMostPacketFds) {
        packet.fds[places++] = std::move(taken);
      } else {
        foreign = true;
      }
    }
  }
  if (foreign || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return core::Failure{EPROTO, core::Reason::kProtocol};
  }
  return packet;
}

bool other_end_closed(int socket) {
  struct pollfd state {socket, 0, 0};
  const struct timespec at_once {0, 0};
  return ::ppoll(&state, 1, &at_once, nullptr) > 0;
}

core::Result<Fd> duplicate_privately(int fd) { return checked_fd(::fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

core::Result<int> access_mode(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return failure();
  return flags & O_ACCMODE;
}

bool ioctl_may_wait(int device) {
  char path[64];
  std::snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", device);
  const Fd file(::open(path, O_RDONLY | O_CLOEXEC));
  char text[1024];
  const ssize_t length = file ? ::read(file.get(), text, sizeof(text)) : 0;
  if (length > 0 && wire::connection_in_fdinfo({text, static_cast<size_t>(length)})) return false;
  return kernel_waits_for_mount();
}

const char* socket_in_environment() { return ::secure_getenv("SLUICE_SOCKET"); }

namespace {

// What a forked process finds is 0.
constexpr uint32_t kForked = 0, kOurs = 1, kBeingTaken = 2;

}  // namespace

ForkMark::ForkMark() : word_(nullptr) {
  const auto size = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  void* page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return;
  if (::madvise(page, size, MADV_WIPEONFORK) < 0) {
    ::munmap(page, size);
    return;
  }
  word_ = new (page) std::atomic<uint32_t>(kOurs);
}

ForkMark::~ForkMark() {
  if (word_ != nullptr) ::munmap(word_, static_cast<size_t>(::sysconf(_SC_PAGESIZE)));
}

bool ForkMark::begin() {
  for (;;) {
    uint32_t found = word_->load(std::memory_order_acquire);
    if (found == kOurs) return false;
    if (found == kForked && word_->compare_exchange_strong(found, kBeingTaken)) return true;
    ::sched_yield();
  }
}

void ForkMark::done() { word_->store(kOurs, std::memory_order_release); }

}  // namespace sluice::os
