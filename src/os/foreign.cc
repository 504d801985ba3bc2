#include "os/foreign.h"

#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>

#include "os/kernel_abi_more.h"
#include "os/passed_file.h"
#include "os/socket.h"
#include "wire/fdinfo.h"

namespace sluice::os {
namespace {

constexpr core::Failure kForeign{EPERM, core::Reason::kConnectionForeign};

// Documentation/admin-guide/devices.txt: 10 is the major number of miscellaneous devices, 229 FUSE.
constexpr unsigned kFuseMajor = 10, kFuseMinor = 229;

core::Result<Fd> namespace_fd(int from, unsigned long request) { return checked_fd(::ioctl(from, request, 0)); }

bool same_file(int a, int b) {
  struct stat first, second;
  return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

}  // namespace

core::Result<uint32_t> connection_served_by(int device) {
  constexpr core::Failure kNotFuse{EINVAL, core::Reason::kConnectionNotFuse};
  const auto flags = open_flags(device);
  struct statx stat {};
  if (!flags.ok() || (*flags & O_PATH) != 0 ||
      ::statx(device, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &stat) < 0 || !S_ISCHR(stat.stx_mode) ||
      stat.stx_rdev_major != kFuseMajor || stat.stx_rdev_minor != kFuseMinor) {
    return kNotFuse;
  }
  // Its mount may be gone, and the number another's, while what is open goes on showing it.
  if (connection_ended(device)) return core::Failure{ENOTCONN, core::Reason::kConnectionNotMounted};
  char path[64];
  std::snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", device);
  const auto file = checked_fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file.ok()) return file.failure();
  char text[4096];
  const ssize_t length = ::read(file->get(), text, sizeof(text));
  if (length < 0) return failure();
  const auto number = wire::connection_in_fdinfo({text, static_cast<size_t>(length)});
  if (!number) return core::Failure{ENOTCONN, core::Reason::kConnectionNotMounted};
  return *number;
}

core::Result<PeerNamespace> namespace_of_peer(int socket, uid_t uid, gid_t gid) {
  int pidfd = -1;
  socklen_t length = sizeof(pidfd);
  if (::getsockopt(socket, SOL_SOCKET, abi::kSoPeerpidfd, &pidfd, &length) < 0) return failure();
  const Fd process(pidfd);
  // As its own user, or as the owner of its user namespace, this process may look, and as root without CAP_SYS_PTRACE
  // it may not (ptrace(2), PTRACE_MODE_READ_FSCREDS).
  const uid_t own_uid = ::geteuid();
  const gid_t own_gid = ::getegid();
  if (::setegid(gid) < 0 || ::seteuid(uid) < 0) return failure();
  auto mounts = namespace_fd(process.get(), abi::kPidfdGetMntNamespace);
  auto users = namespace_fd(process.get(), abi::kPidfdGetUserNamespace);
  if (::seteuid(own_uid) < 0 || ::setegid(own_gid) < 0) return failure();
  if (!mounts.ok() || !users.ok()) return kForeign;
  const auto owner = namespace_fd(mounts->get(), abi::kNsGetUserns);
  if (!owner.ok() || !same_file(owner->get(), users->get())) return kForeign;
  PeerNamespace found{*std::move(mounts), 0};
  if (::ioctl(found.mounts.get(), abi::kNsGetMntnsId, &found.id) < 0) return failure();
  return found;
}

core::Result<std::string> mountpoint_in(const PeerNamespace& where, uint32_t connection) {
  constexpr uint64_t kFuse = 0x65735546;
  std::array<uint64_t, 512> mounts;
  for (uint64_t after = 0;;) {
    const abi::MntIdReq list{sizeof(list), 0, abi::kLsmtRoot, after, where.id};
    const long count = ::syscall(abi::kSysListmount, &list, mounts.data(), mounts.size(), 0);
    if (count < 0) return failure();
    for (long i = 0; i < count; ++i) {
      const abi::MntIdReq request{sizeof(request), 0, mounts[i], abi::kStatmountSbBasic | abi::kStatmountMntPoint,
                                  where.id};
      alignas(8) char answer[sizeof(abi::Statmount) + 4096];
      if (::syscall(abi::kSysStatmount, &request, answer, sizeof(answer), 0) < 0) continue;  // gone, or a long name
      const auto* mount = reinterpret_cast<const abi::Statmount*>(answer);
      if (mount->sb_magic != kFuse || mount->sb_dev_major != 0 || mount->sb_dev_minor != connection) continue;
      const char* strings = answer + sizeof(abi::Statmount);
      if ((mount->mask & abi::kStatmountMntPoint) == 0 || mount->mnt_point >= 4096) return std::string();
      return std::string(strings + mount->mnt_point, ::strnlen(strings + mount->mnt_point, 4096 - mount->mnt_point));
    }
    if (static_cast<size_t>(count) < mounts.size()) return kForeign;
    after = mounts[static_cast<size_t>(count) - 1];
  }
}

core::Result<std::string> label_of_peer(int socket) {
  char text[512];
  socklen_t length = sizeof(text);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERSEC, text, &length) == 0) {
    return std::string(text, ::strnlen(text, length));
  }
  if (errno != ENOPROTOOPT) return failure();
  // No module has a label for the socket; one may have one for the process (AppArmor before Linux 6.17).
  auto label = label_in_proc_of_peer(socket);
  if (!label.ok() && label.failure().error == EINVAL) return std::string();  // no module has any
  return label;
}

}  // namespace sluice::os
