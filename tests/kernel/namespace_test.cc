// Somebody else's namespaces: who may look, and what the kernel says of what is mounted there.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/ioctl.h>
#include <linux/types.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "contained.h"
#include "process.h"
#include "sys.h"

namespace kerneltest {
namespace {

// Newer than the headers of Debian 12. include/uapi/linux/pidfd.h (6.11), nsfs.h (4.9 and 6.11), mount.h (6.8;
// the namespace of a request 6.11), stat.h (6.8).
constexpr unsigned long kGetMounts = _IO(0xFF, 3), kGetUsers = _IO(0xFF, 9), kGetOwner = _IO(0xB7, 1),
                        kGetId = _IOR(0xB7, 5, __u64);
constexpr long kStatmount = 457, kListmount = 458;
constexpr uint64_t kRootMount = ~0ull, kSbBasic = 1;
constexpr unsigned kMntIdUnique = 0x4000;
struct MountRequest {
  uint32_t size, spare;
  uint64_t mount, parameter, space;
};
struct MountAnswer {
  uint32_t size, options;
  uint64_t mask;
  uint32_t major, minor;
  uint64_t magic, rest[61];
};


// A process of kAlice's in namespaces of its own, where it has mounted a tmpfs at the test's directory.
class Stranger {
 public:
  explicit Stranger(const std::function<void()>& afterwards = [] {}) : child_([&]() -> long {
    Become({kAlice, {}, true});
    Must(Sys(mount("tmpfs", WorkDir().c_str(), "tmpfs", 0, nullptr)), "tmpfs");
    afterwards();
    return SayReadyAndSleep();
  }) {
    NeedKernel(6, 11, "PIDFD_GET_MNT_NAMESPACE");
    if (!child_.Ready()) throw std::runtime_error("the stranger is not ready");
  }
  int pidfd() const { return child_.pidfd(); }
  long Look(unsigned long request) const {
    const long fd = Sys(ioctl(pidfd(), request, 0));
    if (fd >= 0) close(static_cast<int>(fd));
    return fd;
  }
  Fd Mounts() const { return Fd(Must(Sys(ioctl(pidfd(), kGetMounts, 0)), "PIDFD_GET_MNT_NAMESPACE")); }
  Fd Users() const { return Fd(Must(Sys(ioctl(pidfd(), kGetUsers, 0)), "PIDFD_GET_USER_NAMESPACE")); }
  dev_t Device() const {
    struct stat of = {};
    const std::string path = "/proc/" + std::to_string(child_.pid()) + "/root" + WorkDir();
    Must(Sys(stat(path.c_str(), &of)), "stat");
    return of.st_dev;
  }

 private:
  Child child_;
};

uint64_t IdOf(int mounts) {
  uint64_t id = 0;
  Must(Sys(ioctl(mounts, kGetId, &id)), "NS_GET_MNTNS_ID");
  return id;
}
bool Same(int a, int b) {
  struct stat one = {}, other = {};
  return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_ino == other.st_ino && one.st_dev == other.st_dev;
}
Fd OwnerOf(int space) { return Fd(Must(Sys(ioctl(space, kGetOwner, 0)), "NS_GET_USERNS")); }

long List(uint64_t space, std::vector<uint64_t>* mounts) {
  mounts->resize(512);
  const MountRequest request = {sizeof(request), 0, kRootMount, 0, space};
  const long count = Sys(syscall(kListmount, &request, mounts->data(), mounts->size(), 0));
  mounts->resize(count < 0 ? 0 : static_cast<size_t>(count));
  return count;
}
long Describe(uint64_t mount, uint64_t space, MountAnswer* answer) {
  const MountRequest request = {sizeof(request), 0, mount, kSbBasic, space};
  std::memset(answer, 0, sizeof(*answer));
  return Sys(syscall(kStatmount, &request, answer, sizeof(*answer), 0));
}
// What mount a path is on, by the number that is given to no other.
uint64_t MountOf(const std::string& path) {
  struct statx of = {};
  Must(Sys(statx(AT_FDCWD, path.c_str(), 0, kMntIdUnique, &of)), "statx");
  return of.stx_mnt_id;
}

// Whose connection it is: a pidfd gives the namespaces of a process to a process with its effective uid, which needs
// no capability; to root without CAP_SYS_PTRACE, and to another user, it does not.
KERNEL_TEST(Namespaces, APidfdGivesThemToTheUserOfTheProcess) {
  NeedUserNamespaces();
  const Stranger stranger;
  for (const unsigned long request : {kGetMounts, kGetUsers}) {
    const auto look = [&] { return stranger.Look(request); };
    EXPECT_EQ(Err(As({kAlice}, look)), "OK");
    EXPECT_NE(Err(As({kBob}, look)), "OK");
    EXPECT_NE(Err(As({0, {}}, look)), "OK") << "root, without capabilities";
    EXPECT_NE(Err(As({0, {CAP_SYS_ADMIN}}, look)), "OK");
    EXPECT_EQ(Err(As({0, {CAP_SYS_PTRACE}}, look)), "OK");
    // As the service looks: root as far as its real uid goes.
    EXPECT_EQ(Err(As({0, {CAP_SETUID}}, [&]() -> long {
                Must(Sys(seteuid(kAlice)), "seteuid");
                return look();
              })), "OK");
  }
}

// Nor to the user, where the process has hidden itself, as one that became another user is.
KERNEL_TEST(Namespaces, NotThoseOfAProcessThatIsNotDumpable) {
  NeedUserNamespaces();
  const Stranger stranger([] { Must(Sys(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)), "undumpable"); });
  EXPECT_NE(Err(As({kAlice}, [&] { return stranger.Look(kGetMounts); })), "OK");
}

// Whether a mount namespace is that of the user namespace that a process is in.
KERNEL_TEST(Namespaces, AMountNamespaceTellsItsOwner) {
  NeedUserNamespaces();
  const Stranger stranger;
  EXPECT_TRUE(Same(OwnerOf(stranger.Mounts().get()).get(), stranger.Users().get()));
  const Stranger with_another([] { Must(Sys(unshare(CLONE_NEWUSER)), "another user namespace"); });
  EXPECT_FALSE(Same(OwnerOf(with_another.Mounts().get()).get(), with_another.Users().get()))
      << "it kept the mounts of the one before";
  const Stranger with_other_mounts([] { Must(Sys(unshare(CLONE_NEWNS)), "another mount namespace"); });
  EXPECT_TRUE(Same(OwnerOf(with_other_mounts.Mounts().get()).get(), with_other_mounts.Users().get()));
}

// Why no worker makes a device node: CAP_MKNOD counts on the host only, and a worker of a preserve view has its capabilities in
// a user namespace of its own. Pipes and sockets need none.
KERNEL_TEST(Namespaces, NoDeviceIsMadeFromAUserNamespace) {
  const std::string path = WorkDir() + "/node";
  const auto make = [&](mode_t type) {
    return [&path, type] { return Sys(mknod(path.c_str(), type | 0600, makedev(1, 3))); };
  };
  const Who inside = {0, {CAP_SETFCAP}, true};  // as its root, with every capability there; to map root takes that one
  EXPECT_EQ(Err(As(inside, make(S_IFCHR))), "EPERM");
  EXPECT_EQ(Err(As(inside, make(S_IFBLK))), "EPERM");
  EXPECT_EQ(Err(As(inside, make(S_IFIFO))), "OK");
  Must(Sys(unlink(path.c_str())), "unlink");
  EXPECT_EQ(Err(As({0, {CAP_MKNOD}}, make(S_IFCHR))), "OK") << "on the host";
}

// How a view that was asked to makes them all the same: its broker has that one capability of the host's, and writes to
// others' directories by another. That the mount is nodev, and whose the superblock is, makes no difference to making.
KERNEL_TEST(Namespaces, ADeviceIsMadeOnAMountThatOpensNone) {
  const std::string directory = WorkDir() + "/nodev", path = directory + "/node";
  Must(Sys(mkdir(directory.c_str(), 0700)), "mkdir");
  Must(Sys(mount("tmpfs", directory.c_str(), "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, "mode=700")), "mount");
  const auto make = [&] { return Sys(mknod(path.c_str(), S_IFCHR | 0666, makedev(1, 3))); };
  EXPECT_EQ(Err(As({1000, {CAP_DAC_OVERRIDE}}, make)), "EPERM");
  EXPECT_EQ(Err(As({1000, {CAP_MKNOD}}, make)), "EACCES") << "of another's directory";
  EXPECT_EQ(Err(As({1000, {CAP_MKNOD, CAP_DAC_OVERRIDE}}, make)), "OK");
  EXPECT_EQ(Err(Sys(open(path.c_str(), O_RDONLY | O_CLOEXEC))), "EACCES") << "by root, on the mount that is nodev";
  Must(Sys(umount2(directory.c_str(), MNT_DETACH)), "umount");
}

// A whiteout is no device to the kernel, whoever makes it.
KERNEL_TEST(Namespaces, AWhiteoutTakesNoCapability) {
  const std::string path = WorkDir() + "/whiteout";
  const auto make = [&] { return Sys(mknod(path.c_str(), S_IFCHR | 0600, 0)); };
  EXPECT_EQ(Err(As({0, {}}, make)), "OK");
  EXPECT_EQ(Err(Sys(open(path.c_str(), O_RDONLY | O_CLOEXEC))), "ENXIO");
}

// Where something is mounted there: listmount and statmount of another namespace, by its number.
KERNEL_TEST(Namespaces, MountsOfAnotherAreListedAndDescribed) {
  NeedUserNamespaces();
  const Stranger stranger, other;
  const uint64_t space = IdOf(stranger.Mounts().get());
  EXPECT_EQ(space, IdOf(stranger.Mounts().get())) << "by another descriptor";
  EXPECT_NE(space, IdOf(other.Mounts().get()));
  std::vector<uint64_t> mounts;
  ASSERT_GT(List(space, &mounts), 0);
  int found = 0;
  MountAnswer answer;
  for (const uint64_t mount : mounts) {
    ASSERT_EQ(Err(Describe(mount, space, &answer)), "OK");
    if (makedev(answer.major, answer.minor) != stranger.Device()) continue;
    ++found;
    EXPECT_EQ(answer.magic, 0x01021994u) << "tmpfs";
  }
  EXPECT_EQ(found, 1);
  ASSERT_GT(List(0, &mounts), 0) << "the caller's own";
  for (const uint64_t mount : mounts) {
    if (Describe(mount, 0, &answer) < 0) continue;
    EXPECT_NE(makedev(answer.major, answer.minor), stranger.Device());
  }
  // Only who has CAP_SYS_ADMIN over it: its own user is in another user namespace.
  EXPECT_LT(As({0, {}}, [&] { return List(space, &mounts); }), 0);
  EXPECT_LT(As({kBob}, [&] { return List(space, &mounts); }), 0);
  EXPECT_GT(As({kBob, {CAP_SYS_ADMIN}}, [&] { return List(space, &mounts); }), 0);
}

// What was handed over from elsewhere is not of the namespace, whatever the caller sees of it.
KERNEL_TEST(Namespaces, AMountOfAnotherIsNotThere) {
  NeedUserNamespaces();
  const Stranger stranger;
  const uint64_t space = IdOf(stranger.Mounts().get());
  MountAnswer answer;
  const uint64_t ours = MountOf(WorkDir());
  EXPECT_EQ(Err(Describe(ours, 0, &answer)), "OK");
  EXPECT_EQ(Err(Describe(ours, space, &answer)), "ENOENT");
  const Fd clone(Must(Sys(open_tree(AT_FDCWD, WorkDir().c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)), "open_tree"));
  struct statx of = {};
  ASSERT_EQ(Err(Sys(statx(clone.get(), "", AT_EMPTY_PATH, kMntIdUnique, &of))), "OK");
  EXPECT_EQ(Err(Describe(of.stx_mnt_id, space, &answer)), "ENOENT") << "one that is attached nowhere";
  EXPECT_EQ(Err(Describe(of.stx_mnt_id, 0, &answer)), "ENOENT");
}

}  // namespace
}  // namespace kerneltest
