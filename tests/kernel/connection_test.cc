// The connection: how to recognize one, how long it lives, what becomes of its requests.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <set>
#include <thread>
#include <vector>

#include "contained.h"
#include "raw_fuse.h"

namespace kerneltest {
namespace {

long Stat(const std::string& path) {
  struct stat attributes = {};
  return Sys(stat(path.c_str(), &attributes));
}

// Another fd for the connection of `dev`, made as any holder can: -errno where not.
long Clone(int dev, const std::string& device) {
  const long clone = Sys(open(device.c_str(), O_RDWR | O_CLOEXEC));
  if (clone < 0) return clone;
  uint32_t of = static_cast<uint32_t>(dev);
  const long result = Sys(ioctl(static_cast<int>(clone), kIocClone, &of));
  if (result < 0) close(static_cast<int>(clone));
  return result < 0 ? result : clone;
}

// Fact 14: /proc/self/fdinfo/N of a mounted /dev/fuse fd shows `fuse_connection:` (6.16 and later),
// equal to the minor of the mount's st_dev. Absent: not mounted.
KERNEL_TEST(Connection, FdinfoShowsTheConnectionOfAMountedFd) {
  NeedKernel(6, 16, "fuse_connection in fdinfo");
  View view;
  struct stat root = {};
  ASSERT_EQ(Err(Sys(stat(view.Path().c_str(), &root))), "OK");
  EXPECT_EQ(ConnectionInFdinfo(view.dev()), static_cast<long>(minor(root.st_dev)));
  EXPECT_EQ(view.minor(), minor(root.st_dev));
  EXPECT_EQ(Err(ConnectionInFdinfo(OpenFuseDevice().get())), "ENOENT") << "not mounted";
  EXPECT_EQ(Err(ConnectionInFdinfo(OpenDevNull().get())), "ENOENT") << "another device";
}

// Fact 14: check it before any ioctl: BACKING_OPEN on a fd in SYNC_INIT state blocks until it is
// mounted. (Without SYNC_INIT it fails at once.)
KERNEL_TEST(Connection, BackingOpenBlocksInSyncInitState) {
  WriteFile(WorkDir() + "/backing", "backing");
  const Fd file = Open(WorkDir() + "/backing", O_RDONLY);
  const Fd dev = OpenFuseDevice();
  const auto grant = [&] {
    BackingMap map = {file.get(), 0, 0};
    return Sys(ioctl(dev.get(), kIocBackingOpen, &map));
  };
  EXPECT_EQ(Err(grant()), "EPERM");
  NeedKernel(6, 18, "FUSE_DEV_IOC_SYNC_INIT");
  ASSERT_EQ(Err(Sys(ioctl(dev.get(), kIocSyncInit))), "OK");
  EXPECT_EQ(Err(ConnectionInFdinfo(dev.get())), "ENOENT");
  const Child granter(grant);
  EXPECT_FALSE(granter.Ended(kBlockedMs));
  granter.Kill();
  EXPECT_TRUE(granter.Ended(kSoonMs)) << "killable, at least";
}

// Fact 15: connection numbers are reused within minutes (here: at once).
KERNEL_TEST(Connection, NumbersAreReused) {
  std::set<unsigned> seen;
  for (int i = 0; i < 100; ++i) {
    View view({.attach = false});
    if (!seen.insert(view.minor()).second) return;
  }
  FAIL() << "100 connections one after the other had 100 numbers";
}

// Fact 16: the connection lives until the last /dev/fuse fd is gone, in-flight SCM_RIGHTS included.
KERNEL_TEST(Connection, LivesAsLongAsAnFdInFlight) {
  View view;
  view.Add("file").valid_s = 0;
  int pair[2];
  ASSERT_EQ(Err(Sys(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))), "OK");
  Fd sender(pair[0]), receiver(pair[1]);
  ASSERT_EQ(Err(SendFd(sender.get(), view.dev())), "OK");
  view.KillServer();
  view.CloseDev();
  Child child([&] {
    sender.Close();  // its own copies, or it would hold the connection itself
    receiver.Close();
    return Stat(view.Path("file"));
  });
  EXPECT_FALSE(child.Ended(kBlockedMs)) << "only the message in the socket holds the fd";
  receiver.Close();
  ASSERT_TRUE(child.Ended(kSoonMs));
  EXPECT_EQ(Err(child.Result()), "ECONNABORTED");
  EXPECT_EQ(Err(Stat(view.Path("file"))), "ENOTCONN");
}

// Fact 16: ... and FUSE_DEV_IOC_CLONE clones included. Any holder can clone, without privilege.
KERNEL_TEST(Connection, AnyHolderCanCloneAndKeepItAlive) {
  NeedUserNamespaces();
  View view;
  view.Add("file").valid_s = 0;
  const std::string device = FuseNodeForAll();
  Child holder([&]() -> long {
    Become({kAlice, {}, true});
    const long clone = Clone(view.dev(), device);
    if (clone < 0) return clone;
    view.CloseDev();
    return SayReadyAndSleep();
  });
  ASSERT_TRUE(holder.Ready());
  view.KillServer();
  view.CloseDev();
  Child child([&] { return Stat(view.Path("file")); });
  EXPECT_FALSE(child.Ended(kBlockedMs)) << "only the clone is left";
  holder.Kill();
  ASSERT_TRUE(child.Ended(kSoonMs));
  EXPECT_EQ(Err(child.Result()), "ECONNABORTED");
  EXPECT_EQ(Err(Stat(view.Path("file"))), "ENOTCONN");
}

// A tmpfs with one file that is granted on `view`: it can be unmounted when nothing pins the file.
std::string GrantOnTmpfs(const View& view) {
  const std::string path = WorkDir() + "/other";
  Must(Sys(mkdir(path.c_str(), 0755)), "mkdir");
  Must(Sys(mount("tmpfs", path.c_str(), "tmpfs", 0, nullptr)), "tmpfs");
  WriteFile(path + "/file", "granted");
  Must(view.Grant(Open(path + "/file", O_RDONLY).get()), "BACKING_OPEN");
  return path;
}

bool IsPinned(const std::string& tmpfs) {
  return !Eventually([&] { return umount2(tmpfs.c_str(), 0) == 0; }, kBlockedMs);
}

// Fact 16: one leaked fd pins every granted file.
KERNEL_TEST(Connection, OneLeakedFdPinsEveryGrantedFile) {
  View view;
  const std::string tmpfs = GrantOnTmpfs(view);
  view.KillServer();
  view.CloseMount();
  Must(Sys(umount2(view.Path().c_str(), 0)), "unmount the view");
  EXPECT_TRUE(IsPinned(tmpfs)) << "the view is gone, its fd is not";
  view.CloseDev();
  EXPECT_FALSE(IsPinned(tmpfs));
}

// Not in the list: the mount pins them too. An abort, or the end of all fds, releases nothing.
KERNEL_TEST(Connection, MountPinsEveryGrantedFilePastTheAbort) {
  View view;
  const std::string tmpfs = GrantOnTmpfs(view);
  view.KillServer();
  ASSERT_EQ(Err(view.Abort()), "OK");
  view.CloseDev();
  EXPECT_TRUE(IsPinned(tmpfs)) << "the fds are gone, the view is not";
  view.CloseMount();
  Must(Sys(umount2(view.Path().c_str(), 0)), "unmount the view");
  EXPECT_FALSE(IsPinned(tmpfs));
}

// Fact 17: with a kept dup, a killed server's unanswered requests are delivered again after a new
// server writes FUSE_NOTIFY_RESEND (negotiate HAS_RESEND). Not before.
KERNEL_TEST(Connection, ResendDeliversTheRequestsOfAKilledServer) {
  View view({.init = kInitPassthrough | kInitHasResend});
  Node& node = view.Add("file");
  node.valid_s = 0;
  ASSERT_EQ(Err(Stat(view.Path("file"))), "OK");
  view.Answer(kLookup, kNever);
  const uint32_t before = view.Seen(kLookup);
  Child child([&] { return Stat(view.Path("file")); });
  ASSERT_TRUE(Eventually([&] { return view.Seen(kLookup) == before + 1; }));
  const uint64_t first = view.LastUnique(kLookup);
  view.KillServer();
  view.Answer(kLookup, 0);
  view.StartServer();
  EXPECT_FALSE(child.Ended(kBlockedMs)) << "a new server alone does not see it";
  ASSERT_EQ(Err(view.Notify(kNotifyResend, nullptr, 0)), "OK");
  ASSERT_TRUE(child.Ended(kSoonMs));
  EXPECT_EQ(Err(child.Result()), "OK");
  EXPECT_EQ(view.LastUnique(kLookup), first | kUniqueResend);
}

// Fact 17: requests read through a CLONEd fd that only the dead server held end with ECONNABORTED
// instead.
KERNEL_TEST(Connection, RequestsReadThroughACloneDieWithIt) {
  View view({.init = kInitPassthrough | kInitHasResend});
  view.Add("file");
  view.KillServer();
  const Child server([&]() -> long {
    const Fd clone(Must(Clone(view.dev(), "/dev/fuse"), "clone"));
    std::vector<char> buffer(1 << 20);
    Must(Sys(read(clone.get(), buffer.data(), buffer.size())), "read");
    return SayReadyAndSleep();
  });
  Child child([&] { return Stat(view.Path("file")); });
  ASSERT_TRUE(server.Ready());
  EXPECT_FALSE(child.Ended(kBlockedMs));
  server.Kill();
  ASSERT_TRUE(child.Ended(kSoonMs));
  EXPECT_EQ(Err(child.Result()), "ECONNABORTED");
}

// Fact 18: a request timeout can be negotiated at INIT. (That it frees clients takes 15 s steps.)
KERNEL_TEST(Connection, RequestTimeoutIsOffered) {
  NeedKernel(6, 15, "FUSE_REQUEST_TIMEOUT");
  EXPECT_NE(View({.attach = false}).offered() & kInitRequestTimeout, 0u);
  View view({.init = kInitPassthrough | kInitRequestTimeout, .request_timeout = 15});
  EXPECT_EQ(Err(Stat(view.Path())), "OK");
}

// Fact 19: a process that holds a file open on the mount that it serves becomes an unkillable
// zombie at exit. Order at shutdown: abort the connection, then kill.
KERNEL_TEST(Connection, ProcessThatServesItselfCannotBeKilledBeforeTheAbort) {
  View view;
  view.Add("file");
  view.KillServer();
  const Child self([&]() -> long {
    std::thread([&] { view.Serve(view.dev()); }).detach();
    Open(view.Path("file"), O_RDONLY).Release();
    return SayReadyAndSleep();
  });
  ASSERT_TRUE(self.Ready());
  view.CloseDev();  // no other process holds the connection
  self.Kill();
  EXPECT_FALSE(self.Ended(kBlockedMs));
  self.Kill();
  EXPECT_FALSE(self.Ended(kBlockedMs));
  EXPECT_EQ(Err(view.Abort()), "OK");
  EXPECT_TRUE(self.Ended(kSoonMs));
}

}  // namespace
}  // namespace kerneltest
