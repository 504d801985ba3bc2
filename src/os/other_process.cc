#include "os/other_process.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace sluice::os {
namespace {

constexpr unsigned kPidfdThread = O_EXCL;  // PIDFD_THREAD, include/uapi/linux/pidfd.h, Linux 6.9

}  // namespace

core::Result<Fd> hold_thread(pid_t thread) { return checked_fd(::syscall(SYS_pidfd_open, thread, kPidfdThread)); }

core::Result<Fd> hold_process_of(pid_t thread) {
  char path[64];
  std::snprintf(path, sizeof(path), "/proc/%d/status", thread);
  const auto file = checked_fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file.ok()) return file.failure();
  char text[1024];
  const ssize_t length = ::read(file->get(), text, sizeof(text) - 1);
  if (length < 0) return failure();
  text[length] = '\0';
  // Names cannot have a newline here.
  const char* line = std::strstr(text, "\nTgid:\t");
  if (line == nullptr) return core::Failure{ESRCH, core::Reason::kSystem};
  return checked_fd(::syscall(SYS_pidfd_open, std::atoi(line + std::strlen("\nTgid:\t")), 0));
}

core::Result<Fd> fetch_descriptor(int thread, int number) {
  return checked_fd(::syscall(SYS_pidfd_getfd, thread, number, 0));
}

core::Outcome read_memory(pid_t thread, uint64_t address, std::span<uint8_t> bytes) {
  const struct iovec here {bytes.data(), bytes.size()};
  const struct iovec there {reinterpret_cast<void*>(address), bytes.size()};
  const ssize_t length = ::process_vm_readv(thread, &here, 1, &there, 1, 0);
  if (length < 0) return failure();
  if (static_cast<size_t>(length) != bytes.size()) return core::Failure{EFAULT, core::Reason::kSystem};
  return core::Done{};
}

bool same_open_file(int a, int b) {
  const pid_t self = ::getpid();
  return ::syscall(SYS_kcmp, self, self, KCMP_FILE, a, b) == 0;
}

core::Result<HeldFile> look_at(int file) {
  const int flags = ::fcntl(file, F_GETFL);
  if (flags < 0) return failure();
  struct statx stat {};
  if (::statx(file, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_MODE, &stat) < 0) return failure();
  return HeldFile{flags, S_ISREG(stat.stx_mode), (stat.stx_mode & 0111) != 0};
}

core::Result<Fd> open_anew(int file, bool writes) {
  char path[64];
  std::snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
  return checked_fd(::open(path, (writes ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

core::Result<Woken> wait_for_server(int listener, std::span<const int> processes) {
  struct pollfd watched[1 + kMostWatched];
  if (processes.size() > kMostWatched) return core::Failure{E2BIG, core::Reason::kSystem};
  watched[0] = {listener, POLLIN, 0};
  for (size_t i = 0; i < processes.size(); ++i) watched[1 + i] = {processes[i], POLLIN, 0};
  while (::ppoll(watched, 1 + processes.size(), nullptr, nullptr) < 0) {
    if (errno != EINTR) return failure();
  }
  Woken woken{(watched[0].revents & POLLIN) != 0, (watched[0].revents & (POLLHUP | POLLERR)) != 0, 0};
  for (size_t i = 0; i < processes.size(); ++i) {
    if (watched[1 + i].revents != 0) woken.ended |= uint64_t{1} << i;
  }
  return woken;
}

}  // namespace sluice::os
