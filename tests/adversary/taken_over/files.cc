// Ways to a file's contents that are made of allowed calls only.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "os/metadata.h"
#include "sandbox/fds.h"
#include "worker.h"

namespace sluice::adversary {
namespace {

using sandbox::kFdRoot;

constexpr int kName = O_PATH | O_NOFOLLOW | O_CLOEXEC;
constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr long kSysGetxattrat = 464, kSysSetxattrat = 463, kSysFchmodat2 = 452;

long result_of(long result) { return result < 0 ? -errno : result; }

// Only descriptors from 10 on may be used in most calls.
long open_high(const char* path, int flags) {
  for (;;) {
    const long fd = result_of(::syscall(SYS_openat, kFdRoot, path, flags));
    if (fd < 0 || fd >= 10) return fd;
  }
}
void try_open(const char* what, const char* path, int flags) {
  const long result = open_high(path, flags);
  say_result(what, result < 0 ? result : 0);
}

struct XattrArgs {
  uint64_t value;
  uint32_t size, flags;
};
long get_xattr(long fd, const char* path, unsigned flags, const char* name) {
  static char value[64];
  const XattrArgs args{reinterpret_cast<uint64_t>(value), sizeof(value), 0};
  return result_of(::syscall(kSysGetxattrat, fd, path, flags, name, &args, sizeof(args)));
}
long set_xattr(long fd, const char* path, unsigned flags, const char* name) {
  static char value[64];
  const XattrArgs args{reinterpret_cast<uint64_t>(value), 4, 0};
  return result_of(::syscall(kSysSetxattrat, fd, path, flags, name, &args, sizeof(args)));
}

}  // namespace

void look_for_contents() {
  // Out of the root. ".." in the root is the root.
  const auto up = os::stat_name(kFdRoot, "..");
  const auto here = os::stat_held(kFdRoot);
  say_result("parent", up.ok() && here.ok() && up->stx_ino == here->stx_ino &&
                               up->stx_mnt_id == here->stx_mnt_id
                           ? 0
                           : -EXDEV);
  try_open("above", "../../../../../outside/canary", kName);
  try_open("absolute", "/etc/passwd", kName);
  try_open("proc", "/proc/self/mem", kName);
  try_open("device", "/dev/fuse", kName);
  try_open("through-link", "dirlink/canary", kName);
  try_open("link-as-directory", "dirlink", kDirectory);
  try_open("through-magic-link", "magic/etc/passwd", kName);

  // A file as a directory.
  try_open("file-as-directory", "plain", kDirectory);
  try_open("file-with-slash", "plain/", kDirectory);
  try_open("fifo-as-directory", "fifo", kDirectory);

  // From a bare name to the contents.
  const long name = open_high("plain", kName);
  static char buffer[4096];
  say_result("list-name", result_of(::syscall(SYS_getdents64, name, buffer, sizeof(buffer))));
  say_result("seek-name", result_of(::syscall(SYS_lseek, name, 0, SEEK_SET)));
  say_result("reopen-name", result_of(::syscall(SYS_openat, name, "", kDirectory)));
  say_result("reopen-dot", result_of(::syscall(SYS_openat, name, ".", kDirectory)));
  say_result("magic-of-name",
             result_of(::syscall(SYS_readlinkat, name, "", buffer, sizeof(buffer))));
  const long directory = open_high("dir", kDirectory);
  say_result("magic-of-directory",
             result_of(::syscall(SYS_readlinkat, directory, "", buffer, sizeof(buffer))));

  // What belongs to others.
  say_result("xattr-of-others", get_xattr(kFdRoot, "others", AT_SYMLINK_NOFOLLOW, "user.secret"));
  const long others = open_high("others", kName);
  say_result("xattr-of-held", get_xattr(others, "", AT_EMPTY_PATH, "user.secret"));
  say_result("trusted-xattr", get_xattr(kFdRoot, "plain", AT_SYMLINK_NOFOLLOW, "trusted.secret"));
}

// Standard error may be a file or a terminal of the very user that the view is of.
void change_inherited_files() {
  say_result("chmod-log", result_of(::syscall(kSysFchmodat2, 2, "", 0777, AT_EMPTY_PATH)));
  say_result("xattr-log", set_xattr(2, "", AT_EMPTY_PATH, "user.mark"));
}

}  // namespace sluice::adversary
