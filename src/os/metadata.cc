#include "os/metadata.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>

#include "os/kernel_abi.h"

namespace sluice::os {
namespace {

core::Result<size_t> checked_size(long result) {
  if (result < 0) return failure();
  return static_cast<size_t>(result);
}

}  // namespace

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

core::Outcome make_node(int dir, std::string_view name, uint32_t mode) {
  return checked(::mknodat(dir, CString(name).get(), mode, 0));
}
core::Outcome make_directory(int dir, std::string_view name, uint32_t mode) {
  return checked(::mkdirat(dir, CString(name).get(), mode));
}
core::Outcome make_symlink(std::string_view target, int dir, std::string_view name) {
  return checked(::symlinkat(CString(target).get(), dir, CString(name).get()));
}
core::Outcome make_link(int from_dir, std::string_view from, int to_dir, std::string_view to) {
  return checked(::linkat(from_dir, CString(from).get(), to_dir, CString(to).get(), 0));
}
core::Outcome remove_name(int dir, std::string_view name, bool directory) {
  return checked(::unlinkat(dir, CString(name).get(), directory ? AT_REMOVEDIR : 0));
}
core::Outcome rename_name(int from_dir, std::string_view from, int to_dir, std::string_view to,
                          uint32_t flags) {
  // The system call itself: without flags glibc makes another one, which the policy does not know.
  return checked(::syscall(SYS_renameat2, from_dir, CString(from).get(), to_dir, CString(to).get(),
                           flags));
}
void set_umask(uint32_t mask) { ::umask(static_cast<mode_t>(mask)); }

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
