// BACKING_OPEN and BACKING_CLOSE: who may call them, for which files, and what an id is.
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

#include "contained.h"
#include "raw_fuse.h"

namespace kerneltest {
namespace {

std::string BackingFile() {
  const std::string path = WorkDir() + "/backing";
  WriteFile(path, "backing", 0644);
  return path;
}

// Fact 1: BACKING_OPEN needs CAP_SYS_ADMIN in the initial user namespace.
KERNEL_TEST(Backing, OpenNeedsSysAdminInTheInitialUserNamespace) {
  View view;
  const Fd file = Open(BackingFile(), O_RDONLY);
  const auto grant = [&] { return view.Grant(file.get()); };
  EXPECT_EQ(Err(As({kAlice, {CAP_SYS_ADMIN}}, grant)), "OK") << "an unprivileged uid with the cap";
  EXPECT_EQ(Err(As({0, {}}, grant)), "EPERM") << "uid 0 without the capability";
  EXPECT_EQ(Err(As({kAlice, {}, true}, grant)), "EPERM") << "root of a user namespace";
}

// Fact 1: ... and a connection that negotiated PASSTHROUGH.
KERNEL_TEST(Backing, OpenNeedsNegotiatedPassthrough) {
  View view({.init = 0});
  ASSERT_NE(view.offered() & kInitPassthrough, 0u);
  EXPECT_EQ(Err(view.Grant(Open(BackingFile(), O_RDONLY).get())), "EPERM");
  View no_depth({.init = kInitPassthrough, .stack_depth = 0});
  EXPECT_EQ(Err(no_depth.Grant(Open(BackingFile(), O_RDONLY).get())), "EPERM");
}

// Fact 1: so does BACKING_CLOSE.
KERNEL_TEST(Backing, CloseNeedsTheSame) {
  View view;
  const long id = view.Grant(Open(BackingFile(), O_RDONLY).get());
  ASSERT_EQ(Err(id), "OK");
  EXPECT_EQ(Err(As({0, {}}, [&] { return view.Revoke(id); })), "EPERM");
  EXPECT_EQ(Err(As({kAlice, {}, true}, [&] { return view.Revoke(id); })), "EPERM");
  EXPECT_EQ(Err(View({.init = 0}).Revoke(1)), "EPERM");
  EXPECT_EQ(Err(As({kAlice, {CAP_SYS_ADMIN}}, [&] { return view.Revoke(id); })), "OK");
  EXPECT_EQ(Err(view.Revoke(id)), "ENOENT") << "closed twice";
}

// Fact 1: the FUSE server itself may be any unprivileged process in any user namespace.
KERNEL_TEST(Backing, ServerMayBeUnprivilegedInAnyUserNamespace) {
  NeedUserNamespaces();
  const std::string backing = BackingFile();
  const Who nobody = {kAlice, {}, true};
  View view({.server = &nobody});
  view.Pass(view.Add("file"), view.Grant(Open(backing, O_RDONLY).get()));
  EXPECT_EQ(ReadFile(view.Path("file")), "backing");
}

// Fact 1: ... even with a mount that it made itself in its user namespace; whoever has
// CAP_SYS_ADMIN and a copy of its /dev/fuse fd grants.
KERNEL_TEST(Backing, MountOfAUserNamespaceTakesGrantsFromAPrivilegedHolder) {
  NeedUserNamespaces();
  const std::string device = FuseNodeForAll();
  const std::string backing = BackingFile();
  void* const memory = mmap(nullptr, sizeof(std::atomic<int>) * 2, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto* const shared = new (memory) std::atomic<int>[2] { -1, 0 };  // fd of the child, id granted
  Child child([&]() -> long {
    Become({kAlice, {}, true});
    View view({.allow_other = false, .attach = false, .device = device});
    shared[0] = view.dev();
    if (!Eventually([&] { return shared[1] != 0; })) return -ETIME;
    view.Pass(view.Add("file"), shared[1]);
    return ReadFd(OpenAt(view.mount_fd(), "file", O_RDONLY).get()) == "backing" ? 0 : -EBADMSG;
  });
  ASSERT_TRUE(Eventually([&] { return shared[0] >= 0 || child.Ended(); }));
  const Fd dev(Must(Sys(syscall(SYS_pidfd_getfd, child.pidfd(), shared[0].load(), 0)), "getfd"));
  BackingMap map = {Open(backing, O_RDONLY).Release(), 0, 0};
  shared[1] = static_cast<int>(Must(Sys(ioctl(dev.get(), kIocBackingOpen, &map)), "BACKING_OPEN"));
  EXPECT_EQ(Err(child.Result()), "OK");
}

// Fact 2: the kernel accepts any regular file, opened O_RDONLY or O_PATH.
KERNEL_TEST(Backing, AcceptsReadOnlyAndPathFds) {
  View view;
  const std::string path = BackingFile();
  EXPECT_EQ(Err(view.Grant(Open(path, O_RDONLY).get())), "OK");
  EXPECT_EQ(Err(view.Grant(Open(path, O_PATH).get())), "OK");
  EXPECT_EQ(Err(view.Grant(Open(path, O_WRONLY).get())), "OK");
}

// Fact 2: ... also files of sysfs, cgroupfs, tmpfs, memfd, another FUSE.
KERNEL_TEST(Backing, AcceptsFilesOfEveryUnstackedFilesystem) {
  View view;
  WriteFile(TmpfsDir() + "/file", "tmpfs");
  EXPECT_EQ(Err(view.Grant(Open(TmpfsDir() + "/file", O_RDONLY).get())), "OK") << "tmpfs";
  EXPECT_EQ(Err(view.Grant(Open("/sys/kernel/uevent_seqnum", O_RDONLY).get())), "OK") << "sysfs";
  const Fd memory(Must(Sys(memfd_create("test", MFD_CLOEXEC)), "memfd"));
  EXPECT_EQ(Err(view.Grant(memory.get())), "OK") << "memfd";
  View other({.init = 0});
  other.Add("file");
  EXPECT_EQ(Err(view.Grant(Open(other.Path("file"), O_RDONLY).get())), "OK") << "another FUSE";
  const std::string cgroup = WorkDir() + "/cgroup";
  Must(Sys(mkdir(cgroup.c_str(), 0755)), "mkdir");
  Need(mount("cgroup2", cgroup.c_str(), "cgroup2", 0, nullptr) == 0, "cgroup2");
  EXPECT_EQ(Err(view.Grant(Open(cgroup + "/cgroup.procs", O_RDONLY).get())), "OK") << "cgroupfs";
}

// Fact 2: it refuses directories with EISDIR ...
KERNEL_TEST(Backing, RefusesDirectories) {
  View view;
  EXPECT_EQ(Err(view.Grant(Open(WorkDir(), O_RDONLY | O_DIRECTORY).get())), "EISDIR");
  EXPECT_EQ(Err(view.Grant(Open(WorkDir(), O_PATH | O_DIRECTORY).get())), "EISDIR");
}

// Fact 2: ... other types with EINVAL ...
KERNEL_TEST(Backing, RefusesOtherTypes) {
  View view;
  const std::string path = WorkDir() + "/other";
  Must(Sys(mkfifo(path.c_str(), 0600)), "mkfifo");
  EXPECT_EQ(Err(view.Grant(Open(path, O_PATH).get())), "EINVAL") << "a FIFO";
  Must(Sys(unlink(path.c_str())), "unlink");
  Must(Sys(symlink("/etc/passwd", path.c_str())), "symlink");
  EXPECT_EQ(Err(view.Grant(Open(path, O_PATH | O_NOFOLLOW).get())), "EINVAL") << "a symlink";
  EXPECT_EQ(Err(view.Grant(OpenDevNull().get())), "EINVAL") << "a device";
  const Fd socket_fd(Must(Sys(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), "socket"));
  EXPECT_EQ(Err(view.Grant(socket_fd.get())), "EINVAL") << "a socket";
  EXPECT_EQ(Err(view.Grant(-1)), "EBADF");
}

// Fact 2: ... and filesystems at or above the negotiated stack depth with ELOOP: overlayfs and
// passthrough FUSE at depth 1, procfs always.
KERNEL_TEST(Backing, RefusesStackedFilesystems) {
  View view;
  View other;
  other.Add("file");
  EXPECT_EQ(Err(view.Grant(Open(other.Path("file"), O_RDONLY).get())), "ELOOP") << "passthrough";
  EXPECT_EQ(Err(view.Grant(Open("/proc/self/status", O_RDONLY).get())), "ELOOP") << "procfs";
  for (const char* name : {"/lower", "/upper", "/work", "/merged"}) {
    Must(Sys(mkdir((WorkDir() + name).c_str(), 0755)), "mkdir");
  }
  WriteFile(WorkDir() + "/lower/file", "lower");
  const std::string layers = "lowerdir=" + WorkDir() + "/lower,upperdir=" + WorkDir() +
                             "/upper,workdir=" + WorkDir() + "/work";
  const std::string merged = WorkDir() + "/merged";
  Need(mount("overlay", merged.c_str(), "overlay", 0, layers.c_str()) == 0, "overlayfs");
  EXPECT_EQ(Err(view.Grant(Open(merged + "/file", O_RDONLY).get())), "ELOOP") << "overlayfs";
}

// Fact 8: ids are small numbers per connection and start at 1 on each.
KERNEL_TEST(Backing, IdsStartAtOneOnEachConnection) {
  const Fd file = Open(BackingFile(), O_RDONLY);
  View first, second;
  EXPECT_EQ(first.Grant(file.get()), 1);
  EXPECT_EQ(first.Grant(file.get()), 2);
  EXPECT_EQ(second.Grant(file.get()), 1);
}

// Fact 8: ... and go up: one that was closed is not given again before the last number. Which ids ended with a broker,
// their numbers tell (src/client/session.h).
KERNEL_TEST(Backing, IdsGoUp) {
  const Fd file = Open(BackingFile(), O_RDONLY);
  View view;
  for (long id = 1; id < 20; ++id) {
    ASSERT_EQ(view.Grant(file.get()), id);
    if (id % 3 != 0) {
      EXPECT_EQ(Err(view.Revoke(id)), "OK");
    }
  }
}

// Fact 8: ids are not bound to an inode: a worker can answer the OPEN of one file with the id of
// another.
KERNEL_TEST(Backing, IdOfOneFileOpensAnother) {
  View view;
  WriteFile(WorkDir() + "/secret", "secret");
  const long secret = view.Grant(Open(WorkDir() + "/secret", O_RDONLY).get());
  Node& harmless = view.Add("harmless");
  view.Pass(harmless, secret);
  EXPECT_EQ(ReadFile(view.Path("harmless")), "secret");
}

// Fact 8: ... but an id of another connection or one never granted opens nothing.
KERNEL_TEST(Backing, IdsOfOtherConnectionsOpenNothing) {
  View view, other;
  const Fd file = Open(BackingFile(), O_RDONLY);
  ASSERT_EQ(Err(other.Grant(file.get())), "OK");
  Node& node = view.Add("file");
  for (const int id : {1, 0, -1, 7, 0x7fffffff}) {
    view.Pass(node, 0);
    node.backing_id = id;
    EXPECT_EQ(Err(TryOpen(view.Path("file"), O_RDONLY)), "EIO") << "id " << id;
  }
}

// Fact 13: grants are counted by no rlimit; without a budget a client takes as many as it likes.
KERNEL_TEST(Backing, GrantsAreCountedByNoRlimit) {
  View view;
  const Fd file = Open(BackingFile(), O_RDONLY);
  const long granted = InChild([&]() -> long {
    const rlimit few = {64, 64}, none = {0, 0};
    Must(Sys(setrlimit(RLIMIT_NOFILE, &few)), "RLIMIT_NOFILE");
    Must(Sys(setrlimit(RLIMIT_MEMLOCK, &none)), "RLIMIT_MEMLOCK");
    Become({kAlice, {CAP_SYS_ADMIN}});
    for (long i = 0; i < 20000; ++i) {
      if (const long id = view.Grant(file.get()); id < 0) return id;
    }
    return 20000;
  });
  EXPECT_EQ(granted, 20000);
}

}  // namespace
}  // namespace kerneltest
