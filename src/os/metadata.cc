#include "os/metadata.h"

#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/kernel_abi_more.h"

namespace sluice::os {
namespace {

core::Result<size_t> checked_size(long result) {
  if (result < 0) return failure();
  return static_cast<size_t>(result);
}

}  // namespace

core::Result<Stat> stat_name(int dir, std::string_view name) {
  Stat stat;
  const CString path(name);
  if (::statx(dir, path.get(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, kStatMask, &stat) < 0) {
    return failure();
  }
  return stat;
}

core::Result<Stat> stat_path(int dir, std::string_view path) {
  constexpr size_t kMost = core::ViewLimits::kHostPathBytes;
  Fd above;
  while (path.size() > kMost) {
    const size_t slash = path.rfind('/', kMost);
    if (slash == path.npos) return core::Failure{ENAMETOOLONG, core::Reason::kPathMalformed};
    auto piece = open_name_path(dir, path.substr(0, slash));
    if (!piece.ok()) return piece.failure();
    above = *std::move(piece);
    dir = above.get();
    path.remove_prefix(slash + 1);
  }
  return stat_name(dir, path);
}

core::Result<Fd> open_name_path(int dir, std::string_view name) {
  return checked_fd(::openat(dir, CString(name).get(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
}
core::Result<Fd> open_directory(int dir, std::string_view name) {
  return checked_fd(
      ::openat(dir, CString(name).get(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}
core::Result<size_t> read_directory(int dir, std::span<char> buffer) {
  return checked_size(::syscall(SYS_getdents64, dir, buffer.data(), buffer.size()));
}
core::Result<size_t> read_link(int dir, std::string_view name, std::span<char> buffer) {
  return checked_size(::readlinkat(dir, CString(name).get(), buffer.data(), buffer.size()));
}

core::Outcome make_directory(int dir, std::string_view name, uint32_t mode) {
  return checked(::mkdirat(dir, CString(name).get(), mode));
}
void set_umask(uint32_t mask) { ::umask(static_cast<mode_t>(mask)); }
core::Outcome set_files_uid(uint32_t uid) {
  ::setfsuid(uid);
  // It tells nothing but who it was before.
  if (static_cast<uint32_t>(::setfsuid(~0u)) == uid) return core::Done{};
  return core::Failure{EPERM, core::Reason::kSystem};
}

core::Result<size_t> get_xattr(Target target, std::string_view key, std::span<char> value) {
  const abi::XattrArgs args{reinterpret_cast<uint64_t>(value.data()),
                            static_cast<uint32_t>(value.size()), 0};
  return checked_size(::syscall(abi::kSysGetxattrat, target.fd, CString(target.name).get(),
                                target.flags(), CString(key).get(), &args, sizeof(args)));
}
core::Result<size_t> list_xattr(Target target, std::span<char> keys) {
  return checked_size(::syscall(abi::kSysListxattrat, target.fd, CString(target.name).get(),
                                target.flags(), keys.data(), keys.size()));
}
core::Outcome set_xattr(Target target, std::string_view key, std::span<const char> value,
                        uint32_t flags) {
  const abi::XattrArgs args{reinterpret_cast<uint64_t>(value.data()),
                            static_cast<uint32_t>(value.size()), flags};
  return checked(::syscall(abi::kSysSetxattrat, target.fd, CString(target.name).get(),
                           target.flags(), CString(key).get(), &args, sizeof(args)));
}
core::Outcome remove_xattr(Target target, std::string_view key) {
  return checked(::syscall(abi::kSysRemovexattrat, target.fd, CString(target.name).get(),
                           target.flags(), CString(key).get()));
}

core::Result<struct statvfs> stat_filesystem(int fd) {
  struct statvfs stat;
  if (::fstatvfs(fd, &stat) < 0) return failure();
  return stat;
}

}  // namespace sluice::os
