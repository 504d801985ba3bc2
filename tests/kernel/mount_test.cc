// The mount of a view: attaching it elsewhere, what the kernel forces on it and what has to be
// asked for.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "contained.h"
#include "raw_fuse.h"

namespace kerneltest {
namespace {

// Fact 20: a detached mount made in the initial namespace can be attached with move_mount by an
// unprivileged process in its own user and mount namespace that received the mount fd.
KERNEL_TEST(Mount, ViewCanBeAttachedInAUserNamespaceThatGotItsFd) {
  View view({.allow_other = false, .user = kAlice, .attach = false});
  view.root().attr.uid = view.root().attr.gid = kAlice;
  WriteFile(WorkDir() + "/backing", "backing");
  view.Pass(view.Add("file"), view.Grant(Open(WorkDir() + "/backing", O_RDONLY).get()));
  const std::string point = WorkDir() + "/point";
  Must(Sys(mkdir(point.c_str(), 0755)), "mkdir");
  const auto attach = [&]() -> long {
    const long moved =
        Sys(move_mount(view.mount_fd(), "", AT_FDCWD, point.c_str(), MOVE_MOUNT_F_EMPTY_PATH));
    if (moved < 0) return moved;
    return ReadFile(point + "/file") == "backing" ? 0 : -EBADMSG;
  };
  EXPECT_EQ(Err(As({kAlice}, attach)), "EPERM") << "without a namespace of its own";
  EXPECT_EQ(Err(As({kAlice, {}, true}, attach)), "OK");
  EXPECT_EQ(Err(TryOpen(point + "/file", O_RDONLY)), "ENOENT") << "it appears nowhere else";
}

// The effective uid that a suid-root program of the view gives to an unprivileged user, or -errno.
long UidOfSuidProgram(View& view) {
  std::filesystem::copy_file("/usr/bin/id", WorkDir() + "/id",
                             std::filesystem::copy_options::overwrite_existing);
  Node& node = view.Add("id", 04755);
  view.Pass(node, view.Grant(Open(WorkDir() + "/id", O_RDONLY).get()));
  node.attr.size = std::filesystem::file_size(WorkDir() + "/id");
  int ends[2];
  Must(Sys(pipe2(ends, O_CLOEXEC)), "pipe2");
  Fd out(ends[0]), in(ends[1]);
  const Child child([&]() -> long {
    Become({kAlice});
    dup2(in.get(), STDOUT_FILENO);
    return Sys(execl(view.Path("id").c_str(), "id", "-u", nullptr));
  });
  in.Close();
  child.Ended(kSoonMs);
  char text[32] = {};
  Must(Sys(read(out.get(), text, sizeof(text) - 1)), "read");
  return atol(text);
}

// Fact 21: nosuid and nodev are not forced on mounts made in the initial namespace ...
KERNEL_TEST(Mount, NosuidAndNodevAreNotForced) {
  View view;
  view.Add("null", S_IFCHR | 0666).attr.rdev = 1 << 8 | 3;
  struct statvfs shown = {};
  ASSERT_EQ(Err(Sys(statvfs(view.Path().c_str(), &shown))), "OK");
  EXPECT_EQ(shown.f_flag & (ST_NOSUID | ST_NODEV), 0u);
  EXPECT_EQ(Err(As({kAlice}, [&] { return TryOpen(view.Path("null"), O_RDWR); })), "OK");
  EXPECT_EQ(UidOfSuidProgram(view), 0);
}

// Fact 21: ... set them always.
KERNEL_TEST(Mount, NosuidAndNodevWorkWhereSet) {
  View view({.mount_attrs = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV});
  view.Add("null", S_IFCHR | 0666).attr.rdev = 1 << 8 | 3;
  struct statvfs shown = {};
  ASSERT_EQ(Err(Sys(statvfs(view.Path().c_str(), &shown))), "OK");
  EXPECT_EQ(shown.f_flag & (ST_NOSUID | ST_NODEV), unsigned{ST_NOSUID | ST_NODEV});
  EXPECT_EQ(Err(As({kAlice}, [&] { return TryOpen(view.Path("null"), O_RDWR); })), "EACCES");
  EXPECT_EQ(UidOfSuidProgram(view), kAlice);
}

// What clearing nodev and nosuid of a mount says to Alice, who is root of namespaces of her own.
std::string ClearedByAlice(int mount) {
  return Err(As({.uid = kAlice, .user_namespace = true}, [mount] {
    struct mount_attr attributes = {};
    attributes.attr_clr = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID;
    return Sys(syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)));
  }));
}

// Fact 21, further: set they are not kept, where a detached mount comes to somebody with capabilities in a user
// namespace of their own ...
KERNEL_TEST(Mount, FlagsOfADetachedMountAreClearedByWhoeverHasIt) {
  NeedUserNamespaces();
  View view({.mount_attrs = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, .attach = false});
  EXPECT_EQ(ClearedByAlice(view.mount_fd()), "OK");
}

// ... unless it was copied into a mount namespace of another user namespace: then they are locked, in copies of the
// copy, too.
KERNEL_TEST(Mount, FlagsOfWhatWasCopiedToAnotherUserNamespaceAreLocked) {
  NeedUserNamespaces();
  View view({.mount_attrs = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, .attach = false});
  int pair[2];
  Must(Sys(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair)), "socketpair");
  const long sent = InChild([&] {
    Must(Sys(unshare(CLONE_NEWNS)), "unshare");
    Must(Sys(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr)), "private");
    Must(Sys(syscall(SYS_move_mount, view.mount_fd(), "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH)), "move_mount");
    Must(Sys(unshare(CLONE_NEWUSER | CLONE_NEWNS)), "unshare");
    const Fd copy(Must(Sys(syscall(SYS_open_tree, AT_FDCWD, "/proc", OPEN_TREE_CLONE)), "open_tree"));
    return SendFd(pair[1], copy.get());
  });
  ASSERT_EQ(Err(sent), "OK");
  const Fd locked(ReceiveFd(pair[0]));
  ASSERT_GE(locked.get(), 0);
  EXPECT_EQ(ClearedByAlice(locked.get()), "EPERM");
}

// What an unprivileged user gets from a file below a 0700 directory of root whose dentries are
// cached, and how many requests the server had to decide by.
struct Visit {
  explicit Visit(bool default_permissions) : view({.default_permissions = default_permissions}) {
    const uint64_t directory = view.Add("private", S_IFDIR | 0700).id;
    view.Add("file", 0600, directory);
    const std::string path = view.Path("private/file");
    struct stat attributes = {};
    Must(Sys(stat(path.c_str(), &attributes)), "stat as root");
    const uint32_t before = view.Seen(kLookup) + view.Seen(kGetattr) + view.Seen(kAccess);
    stat_result = Err(As({kAlice}, [&] { return Sys(stat(path.c_str(), &attributes)); }));
    open_result = Err(As({kAlice}, [&] { return TryOpen(path, O_RDONLY); }));
    asked = view.Seen(kLookup) + view.Seen(kGetattr) + view.Seen(kAccess) - before;
  }
  View view;
  std::string stat_result, open_result;
  uint32_t asked = 0;
};

// Fact 22: default_permissions always: without it the kernel does not recheck permission on cached
// dentries.
KERNEL_TEST(Mount, WithoutDefaultPermissionsCachedDentriesAreNotChecked) {
  const Visit unchecked(false);
  EXPECT_EQ(unchecked.stat_result, "OK");
  EXPECT_EQ(unchecked.open_result, "OK");
  EXPECT_EQ(unchecked.asked, 0u) << "the server had no chance to refuse the path";
  const Visit checked(true);
  EXPECT_EQ(checked.stat_result, "EACCES");
  EXPECT_EQ(checked.open_result, "EACCES");
}

}  // namespace
}  // namespace kerneltest
