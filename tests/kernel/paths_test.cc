// Metadata on O_PATH fds, as the worker works on them, and file handles of a view.
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>

#include "contained.h"
#include "raw_fuse.h"

namespace kerneltest {
namespace {

struct XattrArgs {  // of setxattrat and getxattrat
  uint64_t value;
  uint32_t size;
  uint32_t flags;
};

// A file that is held by nothing but an O_PATH fd.
struct Held {
  explicit Held(mode_t mode = 0644) {
    WriteFile(path, "content", mode);
    fd = Open(path, O_PATH | O_NOFOLLOW);
  }
  std::string path = WorkDir() + "/file";
  Fd fd;
};

long SetXattrAt(int fd, const std::string& path, int flags) {
  static const char value[] = "value";
  XattrArgs args = {reinterpret_cast<uintptr_t>(value), 5, 0};
  return Sys(syscall(kSysSetxattrat, fd, path.c_str(), flags, "user.name", &args, sizeof(args)));
}

// The size of the value, or -errno.
long GetXattrAt(int fd, const std::string& path, int flags) {
  char got[16] = {};
  XattrArgs args = {reinterpret_cast<uintptr_t>(got), sizeof(got), 0};
  return Sys(syscall(kSysGetxattrat, fd, path.c_str(), flags, "user.name", &args, sizeof(args)));
}

// Not in the list: setxattrat and getxattrat (6.13) do NOT take an O_PATH fd with AT_EMPTY_PATH,
// unlike fchmodat2, utimensat, fchownat and statx: EBADF, as fsetxattr and fgetxattr say.
KERNEL_TEST(Paths, XattratRefusesPathFdsWithEmptyPath) {
  NeedKernel(6, 13, "setxattrat and getxattrat");
  const Held held;
  EXPECT_EQ(Err(Sys(fsetxattr(held.fd.get(), "user.name", "value", 5, 0))), "EBADF");
  EXPECT_EQ(Err(Sys(fgetxattr(held.fd.get(), "user.name", nullptr, 0))), "EBADF");
  EXPECT_EQ(Err(SetXattrAt(held.fd.get(), "", AT_EMPTY_PATH)), "EBADF");
  EXPECT_EQ(Err(GetXattrAt(held.fd.get(), "", AT_EMPTY_PATH)), "EBADF");
  const Fd opened = Open(held.path, O_RDONLY);
  EXPECT_EQ(Err(SetXattrAt(opened.get(), "", AT_EMPTY_PATH)), "OK") << "an fd that is open";
  EXPECT_EQ(GetXattrAt(opened.get(), "", AT_EMPTY_PATH), 5);
}

// Not in the list: what reaches xattrs from O_PATH fds: a name below the O_PATH fd of its
// directory, "." for a directory itself, and the magic link in /proc/self/fd.
KERNEL_TEST(Paths, XattratTakesNamesBelowPathFds) {
  NeedKernel(6, 13, "setxattrat and getxattrat");
  const Held held;
  const Fd directory = Open(WorkDir(), O_PATH | O_DIRECTORY);
  EXPECT_EQ(Err(SetXattrAt(directory.get(), "file", AT_SYMLINK_NOFOLLOW)), "OK");
  EXPECT_EQ(GetXattrAt(directory.get(), "file", AT_SYMLINK_NOFOLLOW), 5);
  EXPECT_EQ(Err(SetXattrAt(directory.get(), ".", 0)), "OK");
  EXPECT_EQ(GetXattrAt(directory.get(), ".", 0), 5);
  const std::string link = "/proc/self/fd/" + std::to_string(held.fd.get());
  EXPECT_EQ(Err(Sys(setxattr(link.c_str(), "user.name", "longer", 6, 0))), "OK");
  EXPECT_EQ(Sys(getxattr(link.c_str(), "user.name", nullptr, 0)), 6);
  EXPECT_EQ(GetXattrAt(directory.get(), "file", AT_SYMLINK_NOFOLLOW), 6);
  const long in_a_root_without_proc = InChild([&] {
    const Fd links = Open("/proc/self/fd", O_PATH | O_DIRECTORY);
    Must(Sys(chroot(WorkDir().c_str())), "chroot");
    return GetXattrAt(links.get(), std::to_string(held.fd.get()), 0);
  });
  EXPECT_EQ(in_a_root_without_proc, 6) << "the magic link below a held /proc/self/fd";
}

// Not in the list: fchmodat2 (6.6) and utimensat do take an O_PATH fd with AT_EMPTY_PATH.
KERNEL_TEST(Paths, ChmodAndUtimesWorkOnPathFds) {
  NeedKernel(6, 6, "fchmodat2");
  const Held held;
  EXPECT_EQ(Err(Sys(fchmod(held.fd.get(), 0600))), "EBADF");
  EXPECT_EQ(Err(Sys(syscall(kSysFchmodat2, held.fd.get(), "", 0640, AT_EMPTY_PATH))), "OK");
  EXPECT_EQ(ModeOf(held.path), 0640u);
  const timespec times[2] = {{1111, 0}, {2222, 0}};
  EXPECT_EQ(Err(Sys(utimensat(held.fd.get(), "", times, AT_EMPTY_PATH))), "OK");
  struct stat attributes = {};
  ASSERT_EQ(Err(Sys(stat(held.path.c_str(), &attributes))), "OK");
  EXPECT_EQ(attributes.st_atime, 1111);
  EXPECT_EQ(attributes.st_mtime, 2222);
}

// Not in the list: chmod of a symlink's own O_PATH fd changes nothing else.
KERNEL_TEST(Paths, ChmodOfASymlinkFdDoesNotFollow) {
  NeedKernel(6, 6, "fchmodat2");
  const Held held(0600);
  const std::string link = WorkDir() + "/link";
  Must(Sys(symlink("file", link.c_str())), "symlink");
  const Fd fd = Open(link, O_PATH | O_NOFOLLOW);
  EXPECT_EQ(Err(Sys(syscall(kSysFchmodat2, fd.get(), "", 0666, AT_EMPTY_PATH))), "EOPNOTSUPP");
  EXPECT_EQ(ModeOf(held.path), 0600u);
}

// Not in the list: faccessat2 with AT_EMPTY_PATH|AT_EACCESS answers for a held fd and for the
// effective ids.
KERNEL_TEST(Paths, FaccessatAnswersForHeldFdsAndEffectiveIds) {
  const Held held(0644);
  const auto access_held = [&](int mode, int flags) {
    return Sys(syscall(SYS_faccessat2, held.fd.get(), "", mode, AT_EMPTY_PATH | flags));
  };
  const auto as_alice = [&](int mode) {
    return Err(As({kAlice}, [&] { return access_held(mode, AT_EACCESS); }));
  };
  EXPECT_EQ(as_alice(R_OK), "OK");
  EXPECT_EQ(as_alice(W_OK), "EACCES");
  Must(Sys(chmod(held.path.c_str(), 0600)), "chmod");
  EXPECT_EQ(as_alice(R_OK), "EACCES");
  EXPECT_EQ(as_alice(F_OK), "OK");
  Must(Sys(chown(held.path.c_str(), kBob, kBob)), "chown");
  const auto effective_bob = [&](int flags) {
    return Err(InChild([&] {
      Must(Sys(syscall(SYS_setresuid, kAlice, kBob, kBob)), "setresuid");
      return access_held(W_OK, flags);
    }));
  };
  EXPECT_EQ(effective_bob(AT_EACCESS), "OK");
  EXPECT_EQ(effective_bob(0), "EACCES") << "the real uid, without the flag";
}

struct Handle {
  Handle() { head()->handle_bytes = MAX_HANDLE_SZ; }
  file_handle* head() { return reinterpret_cast<file_handle*>(bytes); }
  alignas(file_handle) char bytes[sizeof(file_handle) + MAX_HANDLE_SZ] = {};
};

long NameToHandle(const std::string& path, Handle* handle, int flags = 0) {
  int mount_id = 0;
  return Sys(name_to_handle_at(AT_FDCWD, path.c_str(), handle->head(), &mount_id, flags));
}

long OpenByHandle(const View& view, Handle* handle) {
  const Fd mount = Open(view.Path(), O_RDONLY | O_DIRECTORY);
  const long fd = Sys(open_by_handle_at(mount.get(), handle->head(), O_PATH));
  if (fd >= 0) close(static_cast<int>(fd));
  return fd < 0 ? fd : 0;
}

// Not in the list: a view without EXPORT_SUPPORT still gives handles, and whoever has
// CAP_DAC_READ_SEARCH can open those of cached inodes; others are stale.
KERNEL_TEST(Paths, HandlesOfAViewWithoutExportSupport) {
  View view;
  view.Add("file");
  Handle handle;
  EXPECT_EQ(Err(NameToHandle(view.Path("file"), &handle)), "OK");
  EXPECT_EQ(Err(OpenByHandle(view, &handle)), "OK") << "in the inode cache";
  EXPECT_EQ(Err(As({kAlice}, [&] { return OpenByHandle(view, &handle); })), "EPERM");
  Handle forged = handle;
  forged.bytes[sizeof(file_handle) + 4] ^= 0x40;
  EXPECT_EQ(Err(OpenByHandle(view, &forged)), "ESTALE");
}

// Not in the list: with NO_EXPORT_SUPPORT (6.9) there are no handles that could be opened.
KERNEL_TEST(Paths, NoExportSupportRefusesHandles) {
  View view({.init = kInitPassthrough | kInitNoExportSupport});
  view.Add("file");
  Handle handle;
  EXPECT_EQ(Err(NameToHandle(view.Path("file"), &handle)), "EOPNOTSUPP");
}

}  // namespace
}  // namespace kerneltest
