#include "os/vouched.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace sluice::os {
namespace {

struct Looked {
  struct statx stat {};
  int flags = -1;  // as it is open
  explicit Looked(int fd) : flags(::fcntl(fd, F_GETFL)) {
    if (flags >= 0 && ::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_MNT_ID, &stat) < 0) flags = -1;
  }
  bool is(mode_t type) const { return flags >= 0 && (stat.stx_mode & S_IFMT) == type; }
};

int option_of(int socket, int option) {
  int value = -1;
  socklen_t length = sizeof(value);
  return ::getsockopt(socket, SOL_SOCKET, option, &value, &length) < 0 ? -1 : value;
}

// Of /proc, a few KiB at the most; empty where it cannot be read.
std::string text_of(const char* format, int number) {
  char path[64], text[4096];
  std::snprintf(path, sizeof(path), format, number);
  const auto file = checked_fd(::open(path, O_RDONLY | O_CLOEXEC));
  const ssize_t length = file.ok() ? ::read(file->get(), text, sizeof(text)) : -1;
  return length <= 0 ? std::string() : "\n" + std::string(text, static_cast<size_t>(length));
}
// What stands behind a key at the beginning of a line.
bool number_behind(const std::string& text, const char* key, long* number) {
  const size_t at = text.find(key);
  if (at == std::string::npos) return false;
  *number = std::strtol(text.c_str() + at + std::strlen(key), nullptr, 10);
  return true;
}

bool has_ended(int pidfd) {
  struct pollfd end {pidfd, POLLIN, 0};
  return ::poll(&end, 1, 0) != 0;
}

// Without what the kernel writes behind the name of what has been removed.
std::string path_of(int fd) {
  char link[64], target[PATH_MAX];
  std::snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  const ssize_t length = ::readlink(link, target, sizeof(target));
  std::string path(target, length < 0 ? 0 : static_cast<size_t>(length));
  constexpr std::string_view kRemoved = " (deleted)";
  if (path.ends_with(kRemoved)) path.resize(path.size() - kRemoved.size());
  return path;
}

}  // namespace

bool is_channel(int fd, uid_t made_by) {
  if (option_of(fd, SO_DOMAIN) != AF_UNIX || option_of(fd, SO_TYPE) != SOCK_SEQPACKET ||
      option_of(fd, SO_ACCEPTCONN) != 0) {
    return false;
  }
  struct ucred maker;
  socklen_t length = sizeof(maker);
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &maker, &length) == 0 && maker.uid == made_by;
}

size_t bytes_waiting(int channel) {
  int bytes = 0;
  return ::ioctl(channel, FIONREAD, &bytes) < 0 || bytes < 0 ? 0 : static_cast<size_t>(bytes);
}

bool is_memory(int fd, size_t least, size_t most, bool fixed) {
  const int wanted = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | (fixed ? F_SEAL_WRITE : 0);
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & wanted) != wanted) return false;
  const Looked looked(fd);
  return looked.is(S_IFREG) && looked.stat.stx_size >= least && looked.stat.stx_size <= most;
}

bool is_tree(int fd) {
  const Looked looked(fd);
  return looked.is(S_IFDIR) && (looked.flags & O_PATH) != 0;
}

bool is_pipe_or_null(int fd) {
  const Looked looked(fd);
  if ((looked.flags & O_PATH) != 0) return false;
  return looked.is(S_IFIFO) || (looked.is(S_IFCHR) && looked.stat.stx_rdev_major == 1 && looked.stat.stx_rdev_minor == 3);
}

core::Result<HeldProcess> look_at_process(int pidfd) {
  constexpr core::Failure kNone{EINVAL, core::Reason::kSystem};
  long pid = 0, uid = 0, effective = 0, files = 0;
  if (!number_behind(text_of("/proc/self/fdinfo/%d", pidfd), "\nPid:\t", &pid) || pid == 0) return kNone;
  if (pid < 0 || has_ended(pidfd)) return HeldProcess{true, 0, 0, 0, 0};
  const std::string status = text_of("/proc/%d/status", static_cast<int>(pid));
  const bool known = number_behind(status, "\nUid:\t", &uid) &&
                     number_behind(status, ("\nUid:\t" + std::to_string(uid) + "\t").c_str(), &effective) &&
                     number_behind(text_of("/proc/%d/limits", static_cast<int>(pid)), "\nMax open files ", &files);
  // It is there still, so what was read was of this process and not of another with its number.
  if (has_ended(pidfd)) return HeldProcess{true, 0, 0, 0, 0};
  if (!known) return kNone;
  return HeldProcess{false, static_cast<pid_t>(pid), static_cast<uint32_t>(uid), static_cast<uint32_t>(effective),
                     static_cast<uint32_t>(files)};
}

bool is_program(int own, int held) {
  const Looked ours(own), theirs(held);
  return ours.is(S_IFREG) && theirs.is(S_IFREG) && theirs.stat.stx_mnt_id == ours.stat.stx_mnt_id &&
         theirs.stat.stx_uid == ours.stat.stx_uid && (theirs.stat.stx_mode & ~ours.stat.stx_mode & 0022) == 0 &&
         path_of(held) == path_of(own);
}

bool is_same_file(int one, int other) {
  const Looked a(one), b(other);
  return a.flags >= 0 && b.flags >= 0 && a.stat.stx_ino == b.stat.stx_ino && a.stat.stx_dev_major == b.stat.stx_dev_major &&
         a.stat.stx_dev_minor == b.stat.stx_dev_minor;
}

}  // namespace sluice::os
