// Which requests still come to the server of a file that is open with FOPEN_PASSTHROUGH, and which
// answers change what the kernel does from then on.
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <memory>

#include "contained.h"
#include "raw_fuse.h"

namespace kerneltest {
namespace {

constexpr uint64_t kInitUsual = kInitPassthrough | kInitHandleKillprivV2;

// A view with one passthrough file, opened O_RDWR.
struct Passed {
  explicit Passed(uint64_t init, uint32_t more_open_flags = 0)
      : view({.init = init}), node(view.Add("file", 0666)) {
    WriteFile(path, "backing", 0666);
    view.Pass(node, view.Grant(Open(path, O_RDONLY).get()));
    node.open_flags |= more_open_flags;
    file = Open(view.Path("file"), O_RDWR);
  }
  std::string path = WorkDir() + "/backing";
  View view;
  Node& node;
  Fd file;
};

// What statx says of the mode; it may ask the server unless `flags` say otherwise.
mode_t ModeSeen(const std::string& path, int flags = 0) {
  struct statx shown = {};
  Must(Sys(statx(AT_FDCWD, path.c_str(), flags, STATX_MODE, &shown)), "statx");
  return shown.stx_mode & 07777;
}

// Fact 10: fsync, fallocate, copy_file_range, lseek(HOLE/DATA), truncate ... still come to the
// server, and the kernel does nothing of them to the backing file.
KERNEL_TEST(Requests, FileOperationsStillComeToTheServer) {
  Passed passed(kInitUsual);
  View& view = passed.view;
  const int file = passed.file.get();
  EXPECT_EQ(Err(Sys(fsync(file))), "OK");
  EXPECT_EQ(Err(Sys(fdatasync(file))), "OK");
  EXPECT_EQ(view.Seen(kFsync), 2u);
  EXPECT_EQ(Err(Sys(fallocate(file, 0, 0, 65536))), "OK");
  EXPECT_EQ(view.Seen(kFallocate), 1u);
  EXPECT_EQ(Sys(lseek(file, 0, SEEK_DATA)), 42) << "what the server answered";
  EXPECT_EQ(Sys(lseek(file, 0, SEEK_HOLE)), 42);
  EXPECT_EQ(view.Seen(kLseek), 2u);
  loff_t from = 0, to = 0;
  EXPECT_EQ(Sys(copy_file_range(file, &from, file, &(to = 4), 1, 0)), 1);
  EXPECT_EQ(view.Seen(kCopyFileRange) + view.Seen(kCopyFileRange64), 1u);
  EXPECT_EQ(Err(Sys(ftruncate(file, 3))), "OK");
  EXPECT_EQ(view.Seen(kSetattr), 1u);
  EXPECT_EQ(Err(TryOpen(view.Path("file"), O_WRONLY | O_TRUNC)), "OK");
  EXPECT_EQ(view.Seen(kSetattr), 2u);
  EXPECT_EQ(ReadFile(passed.path), "backing");
}

// Fact 10: ... xattrs, locks and stat. Reads and writes do not.
KERNEL_TEST(Requests, XattrsLocksAndStatStillComeToTheServer) {
  Passed passed(kInitUsual | kInitPosixLocks | kInitFlockLocks);
  View& view = passed.view;
  const int file = passed.file.get();
  EXPECT_EQ(Err(Sys(fsetxattr(file, "user.name", "value", 5, 0))), "OK");
  EXPECT_EQ(Err(Sys(fgetxattr(file, "user.name", nullptr, 0))), "ENODATA");
  EXPECT_EQ(Err(Sys(flistxattr(file, nullptr, 0))), "OK");
  EXPECT_EQ(Err(Sys(fremovexattr(file, "user.name"))), "OK");
  for (const Opcode opcode : {kSetxattr, kGetxattr, kListxattr, kRemovexattr}) {
    EXPECT_EQ(view.Seen(opcode), 1u) << "opcode " << opcode;
  }
  struct flock lock = {};
  lock.l_type = F_RDLCK;
  EXPECT_EQ(Err(Sys(fcntl(file, F_SETLK, &lock))), "OK");
  EXPECT_EQ(view.Seen(kSetlk), 1u);
  EXPECT_EQ(Err(Sys(flock(file, LOCK_EX | LOCK_NB))), "OK");
  EXPECT_EQ(view.Seen(kSetlk), 2u);
  passed.node.valid_s = 0;
  EXPECT_EQ(Err(view.Invalidate(passed.node)), "OK");
  const uint32_t before = view.Seen(kGetattr);
  struct stat attributes = {};
  EXPECT_EQ(Err(Sys(fstat(file, &attributes))), "OK");
  EXPECT_EQ(view.Seen(kGetattr), before + 1);
  EXPECT_EQ(ReadFd(file), "backing");
  EXPECT_EQ(Err(WriteAt(file, "written")), "OK");
  EXPECT_EQ(view.Seen(kRead) + view.Seen(kWrite), 0u);
}

// Fact 10: ENOSYS to FSYNC makes every later fsync report success.
KERNEL_TEST(Requests, EnosysToFsyncMakesEveryLaterFsyncSucceed) {
  Passed passed(kInitUsual);
  passed.view.Answer(kFsync, EIO);
  EXPECT_EQ(Err(Sys(fsync(passed.file.get()))), "EIO");
  passed.view.Answer(kFsync, ENOSYS);
  EXPECT_EQ(Err(Sys(fsync(passed.file.get()))), "OK");
  passed.view.Answer(kFsync, EIO);
  EXPECT_EQ(Err(Sys(fsync(passed.file.get()))), "OK");
  EXPECT_EQ(passed.view.Seen(kFsync), 2u) << "the third fsync did not come to the server";
}

// Fact 11: without HANDLE_KILLPRIV_V2 every passthrough write first sends
// GETXATTR(security.capability) to the server ...
KERNEL_TEST(Requests, WithoutKillprivV2EveryWriteAsksForSecurityCapability) {
  Passed passed(kInitPassthrough);
  for (uint32_t written = 1; written <= 5; ++written) {
    EXPECT_EQ(Err(WriteAt(passed.file.get(), "written")), "OK");
    EXPECT_EQ(passed.view.Seen(kGetxattr), written);
  }
  EXPECT_EQ(passed.view.LastXattr(), "security.capability");
}

// Fact 11: ... and blocks while the server is dead. (Here and below NOFLUSH, so that processes with
// a copy of the fd can end while the server is dead.)
KERNEL_TEST(Requests, WithoutKillprivV2WritesBlockWhileTheServerIsDead) {
  Passed passed(kInitPassthrough, kOpenNoflush);
  passed.view.KillServer();
  Child writer([&] { return WriteAt(passed.file.get(), "written"); });
  EXPECT_FALSE(writer.Ended(200));
  EXPECT_EQ(ReadFile(passed.path), "backing");
  passed.view.StartServer();
  EXPECT_TRUE(writer.Ended(kSoonMs));
  EXPECT_EQ(ReadFile(passed.path), "written");
}

// Fact 11: with it, the server is not asked per write, and writes go on without it ...
KERNEL_TEST(Requests, WithKillprivV2WritesDoNotAskEachTime) {
  Passed passed(kInitUsual, kOpenNoflush);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Err(WriteAt(passed.file.get(), "written")), "OK");
  EXPECT_LE(passed.view.Seen(kGetxattr), 1u);
  passed.view.KillServer();
  Child writer([&] { return WriteAt(passed.file.get(), "another"); });
  EXPECT_TRUE(writer.Ended(kSoonMs));
  EXPECT_EQ(ReadFile(passed.path), "another");
}

// Fact 11, corrected: ... but the first write after each refresh of the inode's attributes (the
// reply to LOOKUP, GETATTR or SETATTR) still asks once, and waits for a server that is dead. A
// write makes the cached size and times stale, so that a stat after it is such a refresh.
KERNEL_TEST(Requests, WithKillprivV2TheFirstWriteAfterARefreshOfAttributesAsks) {
  Passed passed(kInitUsual, kOpenNoflush);
  struct stat attributes = {};
  for (uint32_t refreshes = 1; refreshes <= 3; ++refreshes) {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(Err(WriteAt(passed.file.get(), "written")), "OK");
    EXPECT_EQ(passed.view.Seen(kGetxattr), refreshes);
    EXPECT_EQ(Err(Sys(fstat(passed.file.get(), &attributes))), "OK");
  }
  EXPECT_EQ(passed.view.LastXattr(), "security.capability");
  passed.view.KillServer();
  Child writer([&] { return WriteAt(passed.file.get(), "another"); });
  EXPECT_FALSE(writer.Ended(200));
  passed.view.StartServer();
  EXPECT_TRUE(writer.Ended(kSoonMs));
}

// A 4777 file of root, written by an unprivileged user through a grant made with these
// capabilities.
struct WrittenProgram {
  explicit WrittenProgram(const std::vector<int>& granter) {
    WriteFile(path, "program", 04777);
    Node& node = view->Add("file", 04777);
    const Fd file = Open(path, O_RDONLY);
    view->Pass(node, As({kBob, granter}, [&] { return view->Grant(file.get()); }));
    EXPECT_EQ(ModeSeen(view->Path("file")), 04777u);
    EXPECT_EQ(Err(As({kAlice},
                     [&] { return WriteAt(Open(view->Path("file"), O_WRONLY).get(), "changed"); })),
              "OK");
    node.attr.mode = S_IFREG | ModeOf(path);
  }
  std::string path = WorkDir() + "/program";
  std::unique_ptr<View> view = std::make_unique<View>(Options{.init = kInitUsual});
};

// Fact 11: with it, the kernel trusts the server to strip suid: a grant made with CAP_FSETID leaves
// a 4777 file suid after an unprivileged write ...
KERNEL_TEST(Requests, WithKillprivV2AndFsetidAnUnprivilegedWriteLeavesSuid) {
  const WrittenProgram program({CAP_SYS_ADMIN, CAP_FSETID});
  EXPECT_EQ(ModeOf(program.path), 04777u);
}

// Fact 11: ... one made without strips it on disk, but the mode that FUSE has cached stays stale
// until it is invalidated.
KERNEL_TEST(Requests, WithKillprivV2TheCachedModeStaysStale) {
  const WrittenProgram program({CAP_SYS_ADMIN});
  EXPECT_EQ(ModeOf(program.path), 0777u);
  const std::string through = program.view->Path("file");
  const uint32_t before = program.view->Seen(kGetattr);
  EXPECT_EQ(ModeSeen(through, AT_STATX_DONT_SYNC), 04777u);
  EXPECT_EQ(ModeSeen(through), 04777u);
  EXPECT_EQ(program.view->Seen(kGetattr), before);
  Node& node = *(&program.view->root() + 1);
  EXPECT_EQ(Err(program.view->Invalidate(node)), "OK");
  EXPECT_EQ(ModeSeen(through), 0777u);
}

// Not in the list: FUSE_NOTIFY_INVAL_INODE invalidates attributes that are still valid.
KERNEL_TEST(Requests, NotifyInvalInodeInvalidatesAttributes) {
  View view;
  Node& node = view.Add("file");
  const auto size = [&] {
    struct stat attributes = {};
    Must(Sys(stat(view.Path("file").c_str(), &attributes)), "stat");
    return attributes.st_size;
  };
  node.attr.size = 1111;
  EXPECT_EQ(size(), 1111);
  node.attr.size = 2222;
  EXPECT_EQ(size(), 1111) << "cached";
  EXPECT_EQ(Err(view.Invalidate(node)), "OK");
  EXPECT_EQ(size(), 2222);
}

// Not in the list: FOPEN_NOFLUSH suppresses FLUSH at close.
KERNEL_TEST(Requests, NoflushSuppressesFlush) {
  Passed passed(kInitUsual);
  passed.file.Close();
  EXPECT_EQ(passed.view.Seen(kFlush), 1u);
  ASSERT_TRUE(Eventually([&] { return passed.view.Seen(kRelease) == 1; }));
  passed.node.open_flags = kOpenPassthrough | kOpenNoflush;
  Open(passed.view.Path("file"), O_RDWR).Close();
  ASSERT_TRUE(Eventually([&] { return passed.view.Seen(kRelease) == 2; }));
  EXPECT_EQ(passed.view.Seen(kFlush), 1u);
}

// Not in the list: ... without it every close of a copy, also by the end of a process, waits for a
// dead server; with it not even the last close does.
KERNEL_TEST(Requests, NoflushLetsFilesBeClosedWhileTheServerIsDead) {
  {
    Passed flushed(kInitUsual);
    flushed.view.KillServer();
    const Child holder([] { return 0; });
    EXPECT_FALSE(holder.Ended(kBlockedMs)) << "by ending it closes its copy";
    ASSERT_EQ(Err(flushed.view.Abort()), "OK");
    EXPECT_TRUE(holder.Ended(kSoonMs));
  }
  Passed unflushed(kInitUsual, kOpenNoflush);
  unflushed.view.KillServer();
  Child holder([&] {
    unflushed.file.Close();
    return 0;
  });
  unflushed.file.Close();
  EXPECT_TRUE(holder.Ended(kSoonMs));
}

}  // namespace
}  // namespace kerneltest
