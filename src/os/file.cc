#include "os/file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <cstring>

#include "os/kernel_abi.h"

namespace sluice::os {

CString::CString(std::string_view text) {
  if (text.size() >= sizeof(buffer_) || text.find('\0') != std::string_view::npos) text = {};
  if (!text.empty()) std::memcpy(buffer_, text.data(), text.size());
  buffer_[text.size()] = 0;
}

core::Result<Fd> open_beneath(int root, std::string_view path, int flags, uint32_t mode) {
  constexpr size_t kMost = core::ViewLimits::kHostPathBytes;
  // Of a valid path there is one: names are shorter. Otherwise the kernel refuses what CString makes of it.
  if (const size_t slash = path.rfind('/', kMost); path.size() > kMost && slash != path.npos && slash != 0) {
    auto above = open_beneath(root, path.substr(0, slash), O_PATH | O_DIRECTORY);
    if (!above.ok()) return above;
    return open_beneath(above->get(), path.substr(slash + 1), flags, mode);
  }
  const CString name(path);
  struct open_how how {};
  how.flags = static_cast<uint64_t>(static_cast<uint32_t>(flags)) | O_CLOEXEC | O_NOFOLLOW;
  if ((flags & O_PATH) == 0) how.flags |= O_NONBLOCK | O_NOCTTY;
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  const long fd = ::syscall(SYS_openat2, root, path.empty() ? "." : name.get(), &how, sizeof(how));
  if (fd < 0 && (errno == EXDEV || errno == ELOOP)) return core::Failure{errno, core::Reason::kOutsideRoot};
  return checked_fd(fd);
}

core::Outcome may_write(int fd) {
  return checked(::syscall(SYS_faccessat2, fd, "", W_OK, AT_EMPTY_PATH | AT_EACCESS));
}

core::Outcome sync_file(int fd, bool data_only) {
  return checked(data_only ? ::fdatasync(fd) : ::fsync(fd));
}
core::Outcome truncate_file(int fd, int64_t length) { return checked(::ftruncate(fd, length)); }
core::Outcome allocate(int fd, int mode, int64_t offset, int64_t length) {
  return checked(::fallocate(fd, mode, offset, length));
}
core::Result<int64_t> copy_range(int from, int64_t from_offset, int to, int64_t to_offset,
                                 int64_t length) {
  const ssize_t copied = ::copy_file_range(from, &from_offset, to, &to_offset, static_cast<size_t>(length), 0);
  if (copied < 0) return failure();
  return int64_t{copied};
}
core::Result<size_t> read_at(int fd, std::span<uint8_t> buffer, int64_t offset) {
  const ssize_t length = ::pread(fd, buffer.data(), buffer.size(), offset);
  if (length < 0) return failure();
  return static_cast<size_t>(length);
}
core::Result<int64_t> seek(int fd, int64_t offset, int whence) {
  const off_t result = ::lseek(fd, offset, whence);
  if (result < 0) return failure();
  return int64_t{result};
}

core::Result<Fd> duplicate(int fd) { return checked_fd(::dup(fd)); }

core::Result<Stat> stat_held(int fd) {
  Stat stat;
  if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, kStatMask, &stat) < 0) return failure();
  return stat;
}

bool is_file(const Stat& stat, core::FileId file) {
  return dev_of(stat) == file.dev && stat.stx_ino == file.ino;
}

core::Outcome make_node(int dir, std::string_view name, uint32_t mode, uint32_t device) {
  return checked(::mknodat(dir, CString(name).get(), mode, device));
}
core::Outcome make_link_held(int fd, int to_dir, std::string_view to) {
  return checked(::linkat(fd, "", to_dir, CString(to).get(), AT_EMPTY_PATH));
}
core::Outcome make_symlink(std::string_view target, int dir, std::string_view name) {
  return checked(::symlinkat(CString(target).get(), dir, CString(name).get()));
}
core::Outcome remove_name(int dir, std::string_view name, bool directory) {
  return checked(::unlinkat(dir, CString(name).get(), directory ? AT_REMOVEDIR : 0));
}
core::Outcome rename_name(int from_dir, std::string_view from, int to_dir, std::string_view to, uint32_t flags) {
  // The system call itself: without flags glibc makes another one, which the policy does not know.
  return checked(::syscall(SYS_renameat2, from_dir, CString(from).get(), to_dir, CString(to).get(), flags));
}

int Target::flags() const { return name.empty() ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW; }

core::Outcome change_mode(Target target, uint32_t mode) {
  return checked(::syscall(abi::kSysFchmodat2, target.fd, CString(target.name).get(), mode, target.flags()));
}
core::Outcome change_owner(Target target, uint32_t uid, uint32_t gid) {
  return checked(::fchownat(target.fd, CString(target.name).get(), uid, gid, target.flags()));
}
core::Outcome change_times(Target target, const struct timespec times[2]) {
  // The system call itself: glibc refuses the empty name.
  return checked(::syscall(SYS_utimensat, target.fd, CString(target.name).get(), times, target.flags()));
}

}  // namespace sluice::os
