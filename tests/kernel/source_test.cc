// The source tree as a detached clone: what binds on it, and what can be done beneath it.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "contained.h"
#include "raw_fuse.h"

namespace kerneltest {
namespace {

constexpr uint64_t kLocked = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                             MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW;

// A directory with a file, a program, a device, a subdirectory and a symlink; TmpfsDir is in it.
std::string MakeSource() {
  const std::string source = TmpfsDir() + "/source";
  Must(Sys(mkdir(source.c_str(), 0755)), "mkdir");
  Must(Sys(mkdir((source + "/sub").c_str(), 0755)), "mkdir");
  WriteFile(source + "/file", "content");
  WriteFile(source + "/sub/file", "below");
  std::filesystem::copy_file("/bin/true", source + "/program");
  Must(Sys(symlink("file", (source + "/link").c_str())), "symlink");
  Must(Sys(symlink("sub", (source + "/sublink").c_str())), "symlink");
  Must(Sys(mknod((source + "/null").c_str(), S_IFCHR | 0666, makedev(1, 3))), "mknod");
  return source;
}

Fd CloneTree(const std::string& path, unsigned flags = 0) {
  const Fd directory = Open(path, O_PATH | O_DIRECTORY);
  return Fd(Must(Sys(open_tree(directory.get(), "",
                               OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | flags)),
                 "open_tree"));
}

Fd LockedClone(const std::string& path) {
  Fd tree = CloneTree(path);
  mount_attr attributes = {};
  attributes.attr_set = kLocked;
  Must(Sys(mount_setattr(tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof(attributes))),
       "mount_setattr");
  return tree;
}

long Execute(int directory, const std::string& name) {
  return InChild([&] {
    char* const arguments[] = {const_cast<char*>("program"), nullptr};
    char* const environment[] = {nullptr};
    const Fd program = OpenAt(directory, name, O_PATH);
    const long failed =
        Sys(syscall(SYS_execveat, program.get(), "", arguments, environment, AT_EMPTY_PATH));
    return failed;
  });
}

// Architecture: the service clones the source, given as an fd, with open_tree, and makes of it
// private mounts, nosuid,nodev,noexec and nosymfollow: on the detached clone, before anyone sees
// it.
KERNEL_TEST(Source, DetachedCloneOfAnFdTakesAllAttributes) {
  const std::string source = MakeSource();
  const Fd tree = LockedClone(source);
  struct statvfs shown = {};
  ASSERT_EQ(Err(Sys(fstatvfs(tree.get(), &shown))), "OK");
  const unsigned long expected = ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC;
  EXPECT_EQ(shown.f_flag & expected, expected);
  EXPECT_EQ(Err(TryOpenAt(tree.get(), "file", O_RDONLY)), "OK");
  EXPECT_EQ(Err(TryOpenAt(tree.get(), "file", O_WRONLY)), "EROFS");
  EXPECT_EQ(Err(TryOpenAt(tree.get(), "new", O_WRONLY | O_CREAT)), "EROFS");
  EXPECT_EQ(Err(TryOpenAt(tree.get(), "null", O_RDONLY)), "EACCES");
  EXPECT_EQ(Err(TryOpenAt(tree.get(), "link", O_RDONLY)), "ELOOP");
  EXPECT_EQ(Err(TryOpenAt(tree.get(), "sublink/file", O_RDONLY)), "ELOOP");
  EXPECT_EQ(Err(Execute(tree.get(), "program")), "EACCES");
  const Fd original = Open(source, O_PATH | O_DIRECTORY);
  EXPECT_EQ(Err(TryOpenAt(original.get(), "file", O_WRONLY)), "OK") << "the source is unchanged";
  EXPECT_EQ(Err(TryOpenAt(original.get(), "null", O_RDONLY)), "OK");
  EXPECT_EQ(Err(TryOpenAt(original.get(), "link", O_RDONLY)), "OK");
}

// Architecture: resolve with openat2(RESOLVE_BENEATH|NO_SYMLINKS|NO_MAGICLINKS|NO_XDEV), beneath
// the fd of such a detached mount.
KERNEL_TEST(Source, Openat2BeneathADetachedCloneIsContained) {
  const std::string source = MakeSource();
  Must(Sys(mkdir((source + "/mnt").c_str(), 0755)), "mkdir");
  Must(Sys(mount("tmpfs", (source + "/mnt").c_str(), "tmpfs", 0, nullptr)), "tmpfs");
  WriteFile(source + "/mnt/file", "mounted");
  const Fd locked = LockedClone(source);
  const auto open_beneath = [&](const Fd& tree, const char* path) {
    const long fd =
        OpenAt2(tree.get(), path, O_RDONLY,
                RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
    if (fd >= 0) close(static_cast<int>(fd));
    return Err(fd);
  };
  EXPECT_EQ(open_beneath(locked, "file"), "OK");
  EXPECT_EQ(open_beneath(locked, "sub/file"), "OK");
  EXPECT_EQ(open_beneath(locked, "sub/../file"), "OK");
  EXPECT_EQ(open_beneath(locked, ".."), "EXDEV");
  EXPECT_EQ(open_beneath(locked, "sub/../../source/file"), "EXDEV");
  EXPECT_EQ(open_beneath(locked, "/etc/passwd"), "EXDEV");
  EXPECT_EQ(open_beneath(locked, "link"), "ELOOP");
  EXPECT_EQ(open_beneath(locked, "sublink/file"), "ELOOP");
  EXPECT_EQ(open_beneath(locked, "mnt/file"), "ENOENT") << "not a recursive clone";
  const Fd recursive = CloneTree(source, AT_RECURSIVE);
  EXPECT_EQ(Err(TryOpenAt(recursive.get(), "mnt/file", O_RDONLY)), "OK");
  EXPECT_EQ(open_beneath(recursive, "mnt/file"), "EXDEV") << "a recursive one";
}

// Not in the list: a file that was opened beneath a detached mount can be granted after the fd of
// that mount was closed, and the read-only flag of the mount still binds.
KERNEL_TEST(Source, FileOfAClosedDetachedMountCanBeGranted) {
  const std::string source = MakeSource();
  View view;
  Fd read_only = LockedClone(source), writable = CloneTree(source);
  const Fd for_reading = OpenAt(read_only.get(), "file", O_PATH);
  const Fd for_writing = OpenAt(writable.get(), "sub/file", O_PATH);
  read_only.Close();
  writable.Close();
  view.Pass(view.Add("reading"), view.Grant(for_reading.get()));
  view.Pass(view.Add("writing"), view.Grant(for_writing.get()));
  EXPECT_EQ(ReadFile(view.Path("reading")), "content");
  EXPECT_EQ(Err(TryOpen(view.Path("reading"), O_WRONLY)), "EIO");
  EXPECT_EQ(Err(WriteAt(Open(view.Path("writing"), O_WRONLY).get(), "WRITE")), "OK");
  EXPECT_EQ(ReadFile(source + "/sub/file"), "WRITE");
}

// Architecture: the worker has the source tree as its root directory: pivot_root(".", ".") onto a
// detached tree that was attached with move_mount in a new mount namespace.
KERNEL_TEST(Source, PivotRootOntoAnAttachedDetachedTree) {
  const Fd tree = LockedClone(MakeSource());
  const std::string point = WorkDir() + "/point";
  Must(Sys(mkdir(point.c_str(), 0755)), "mkdir");
  const long result = InChild([&]() -> long {
    Must(Sys(unshare(CLONE_NEWNS)), "unshare");
    Must(Sys(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr)), "private");
    Must(Sys(move_mount(tree.get(), "", AT_FDCWD, point.c_str(), MOVE_MOUNT_F_EMPTY_PATH)),
         "move_mount");
    Must(Sys(fchdir(tree.get())), "fchdir");
    Must(Sys(syscall(SYS_pivot_root, ".", ".")), "pivot_root");
    Must(Sys(umount2(".", MNT_DETACH)), "umount the old root");
    Must(Sys(chdir("/")), "chdir");
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator("/")) {
      names.insert(entry.path().string());
    }
    const std::set<std::string> expected = {"/file",    "/link", "/null",
                                            "/program", "/sub",  "/sublink"};
    if (names != expected) return -ENOTUNIQ;
    struct stat root = {}, above = {};
    Must(Sys(stat("/", &root)), "stat /");
    Must(Sys(stat("/..", &above)), "stat /..");
    if (root.st_ino != above.st_ino || root.st_dev != above.st_dev) return -EXDEV;
    if (TryOpen("/new", O_WRONLY | O_CREAT) != -EROFS) return -EBADE;
    if (TryOpen("/etc/passwd", O_RDONLY) != -ENOENT) return -EEXIST;
    return ReadFile("/sub/file") == "below" ? 0 : -EBADMSG;
  });
  EXPECT_EQ(Err(result), "OK");
}

}  // namespace
}  // namespace kerneltest
