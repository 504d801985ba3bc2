// Files by path beneath a root, and attributes: what the broker uses, and the worker in part.
//
// Names are single components (core::valid_name) unless "path" is said. No function here follows a
// symbolic link or opens a file's contents except where its name says so; fds are borrowed. Errors
// are the call's errno with Reason::kSystem.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <span>
#include <string_view>

#include "core/ledger.h"
#include "core/view_limits.h"
#include "os/fd.h"

namespace sluice::os {

using Stat = struct statx;
inline constexpr unsigned kStatMask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID;  // what is asked for
inline uint64_t dev_of(const Stat& stat) {
  return uint64_t{stat.stx_dev_major} << 32 | stat.stx_dev_minor;
}

// A name or path as the kernel wants it, on the stack. Empty where the text is longer than a call takes or holds a NUL:
// every call then fails with ENOENT.
class CString {
 public:
  explicit CString(std::string_view text);
  const char* get() const { return buffer_; }

 private:
  char buffer_[core::ViewLimits::kHostPathBytes + 1];
};

// ---- Broker: files by path beneath a root ----

// openat2 with RESOLVE_BENEATH|NO_SYMLINKS|NO_MAGICLINKS|NO_XDEV (Linux 5.6): the path neither
// leaves the root, nor follows a link, nor crosses a mount. What is longer than a call takes is opened in
// pieces, each beneath the one before: of a directory that is moved on the way out of the root no more is reached than by
// one call, which goes on from it as well. flags as open(2); O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK and O_NOCTTY are added.
// kOutsideRoot where the resolution was refused.
core::Result<Fd> open_beneath(int root, std::string_view path, int flags, uint32_t mode = 0);
// Whether this process's effective ids may write to what fd holds (faccessat2, Linux 5.8).
core::Outcome may_write(int fd);
core::Outcome sync_file(int fd, bool data_only);
core::Outcome truncate_file(int fd, int64_t length);
core::Outcome allocate(int fd, int mode, int64_t offset, int64_t length);
core::Result<int64_t> copy_range(int from, int64_t from_offset, int to, int64_t to_offset, int64_t length);
core::Result<size_t> read_at(int fd, std::span<uint8_t> buffer, int64_t offset);
core::Result<int64_t> seek(int fd, int64_t offset, int whence);

// A second descriptor of the same open file. Not close-on-exec: the broker never executes anything.
core::Result<Fd> duplicate(int fd);

// ---- Both: attributes ----

// Of what fd holds. Never waits for a remote server (AT_STATX_DONT_SYNC): safe on hostile fds.
core::Result<Stat> stat_held(int fd);
// Whether it is of that file.
bool is_file(const Stat& stat, core::FileId file);

// ---- Both: what is new ----

// mode: with its type. device: of a device node, as mknod(2) has it; otherwise 0. CAP_MKNOD for any but a whiteout,
// which is the character device 0.
core::Outcome make_node(int dir, std::string_view name, uint32_t mode, uint32_t device = 0);

// ---- Broker: names ----

core::Outcome make_link_held(int fd, int to_dir, std::string_view to);  // Linux 6.10 without privilege
core::Outcome make_symlink(std::string_view target, int dir, std::string_view name);
core::Outcome remove_name(int dir, std::string_view name, bool directory);
// flags: of renameat2(2).
core::Outcome rename_name(int from_dir, std::string_view from, int to_dir, std::string_view to, uint32_t flags);

// ---- Both: changing attributes ----

// What an attribute call acts on: a name in a directory, or (name empty) what the fd itself holds.
struct Target {
  int fd;
  std::string_view name;
  int flags() const;  // for the call
};
core::Outcome change_mode(Target target, uint32_t mode);
core::Outcome change_owner(Target target, uint32_t uid, uint32_t gid);  // ~0u leaves one as it is
core::Outcome change_times(Target target, const struct timespec times[2]);

}  // namespace sluice::os
