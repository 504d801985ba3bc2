// Files opened with FOPEN_PASSTHROUGH: what binds such an open, whose credentials its I/O has, and
// how long it lives.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "contained.h"
#include "raw_fuse.h"

namespace kerneltest {
namespace {

std::string BackingFile(const std::string& content = "backing", mode_t mode = 0644) {
  const std::string path = WorkDir() + "/backing";
  WriteFile(path, content, mode);
  return path;
}

// A write of this data through this path, as a user without any privilege.
long WriteAsAlice(const std::string& path, const std::string& data) {
  return As({kAlice}, [&] { return WriteAt(Open(path, O_WRONLY).get(), data); });
}

// Fact 3: the mode of the registered fd does not bind. Registered O_RDONLY or O_PATH, opened O_RDWR
// through FUSE: writes reach the file.
KERNEL_TEST(Passthrough, ModeOfRegisteredFdDoesNotBind) {
  const std::string path = BackingFile();
  for (const int flags : {O_RDONLY, O_PATH, O_WRONLY}) {
    View view;
    view.Pass(view.Add("file"), view.Grant(Open(path, flags).get()));
    const std::string data = "flags" + std::to_string(flags);
    const Fd file = Open(view.Path("file"), O_RDWR);
    EXPECT_EQ(Err(WriteAt(file.get(), data)), "OK");
    EXPECT_EQ(ReadFile(path).substr(0, data.size()), data);
    EXPECT_EQ(ReadFd(file.get()).substr(0, data.size()), data);
  }
}

// Fact 3: no inode_permission. An O_PATH fd of a root-owned 0600 file makes it readable and
// writable, also where neither the caller of BACKING_OPEN nor the opener may do so.
KERNEL_TEST(Passthrough, PathFdOfForbiddenFileMakesItWritable) {
  const std::string path = BackingFile("secret", 0600);
  View view;
  const Fd registered = Open(path, O_PATH);
  const Who broker = {kBob, {CAP_SYS_ADMIN}};
  view.Pass(view.Add("file", 0666), As(broker, [&] { return view.Grant(registered.get()); }));
  EXPECT_EQ(Err(As({kBob, {CAP_SYS_ADMIN}}, [&] { return TryOpen(path, O_RDONLY); })), "EACCES");
  EXPECT_EQ(
      Err(As({kAlice},
             [&]() -> long { return ReadFile(view.Path("file")) == "secret" ? 0 : -EBADMSG; })),
      "OK");
  EXPECT_EQ(Err(WriteAsAlice(view.Path("file"), "public")), "OK");
  EXPECT_EQ(ReadFile(path), "public");
}

// Fact 4: what does bind it: a read-only mount of the path (open fails, seen as EIO).
KERNEL_TEST(Passthrough, ReadOnlyMountOfTheRegisteredPathBinds) {
  BackingFile();
  const Fd tree(Must(Sys(open_tree(AT_FDCWD, WorkDir().c_str(), OPEN_TREE_CLONE)), "open_tree"));
  mount_attr read_only = {};
  read_only.attr_set = MOUNT_ATTR_RDONLY;
  Must(Sys(mount_setattr(tree.get(), "", AT_EMPTY_PATH, &read_only, sizeof(read_only))), "setattr");
  View view;
  view.Pass(view.Add("file"), view.Grant(OpenAt(tree.get(), "backing", O_PATH).get()));
  EXPECT_EQ(Err(TryOpen(view.Path("file"), O_RDONLY)), "OK");
  EXPECT_EQ(Err(TryOpen(view.Path("file"), O_WRONLY)), "EIO");
  EXPECT_EQ(Err(TryOpen(view.Path("file"), O_RDWR)), "EIO");
}

// Fact 5: passthrough I/O runs with the credentials of the BACKING_OPEN caller. With only
// CAP_SYS_ADMIN in them a write strips suid and sgid ...
KERNEL_TEST(Passthrough, WriteStripsSuidWhereTheGranterHasOnlySysAdmin) {
  const std::string path = BackingFile("program", 06777);
  View view({.init = kInitPassthrough | kInitHandleKillprivV2});
  const Fd file = Open(path, O_RDONLY);
  const auto grant = [&] { return view.Grant(file.get()); };
  view.Pass(view.Add("file", 06777), As({kBob, {CAP_SYS_ADMIN}}, grant));
  const Fd opened = Open(view.Path("file"), O_WRONLY);  // by root, with CAP_FSETID
  EXPECT_EQ(Err(WriteAt(opened.get(), "changed")), "OK");
  EXPECT_EQ(ModeOf(path), 0777u);
}

// Fact 5: ... with CAP_FSETID it does not, even when the writer is unprivileged.
KERNEL_TEST(Passthrough, WriteKeepsSuidWhereTheGranterHasFsetid) {
  const std::string path = BackingFile("program", 06777);
  View view({.init = kInitPassthrough | kInitHandleKillprivV2});
  const Fd file = Open(path, O_RDONLY);
  const auto grant = [&] { return view.Grant(file.get()); };
  view.Pass(view.Add("file", 06777), As({kBob, {CAP_SYS_ADMIN, CAP_FSETID}}, grant));
  EXPECT_EQ(Err(WriteAsAlice(view.Path("file"), "changed")), "OK");
  EXPECT_EQ(ReadFile(path), "changed");
  EXPECT_EQ(ModeOf(path), 06777u);
}

// Sets one of the flags immutable and append-only, or none.
void SetInodeFlags(const std::string& path, int wanted) {
  const Fd file = Open(path, O_RDONLY);
  int flags = 0;
  Need(ioctl(file.get(), FS_IOC_GETFLAGS, &flags) == 0, "inode flags on the filesystem of " + path);
  flags = (flags & ~(FS_APPEND_FL | FS_IMMUTABLE_FL)) | wanted;
  Must(Sys(ioctl(file.get(), FS_IOC_SETFLAGS, &flags)), "setting the inode flags of " + path);
}

// Opens the backing file `path`, flagged by `flags`, for writing through a view: what came of it.
std::string WriteToFlagged(const std::string& path, int flags) {
  View view;
  view.Pass(view.Add("file"), view.Grant(Open(path, O_RDONLY).get()));
  SetInodeFlags(path, flags);
  const long file = Sys(open(view.Path("file").c_str(), O_WRONLY | O_CLOEXEC));
  const long written = file < 0 ? file : WriteAt(Fd(file).get(), "overwritten");
  SetInodeFlags(path, 0);
  EXPECT_EQ(ReadFile(path), written < 0 ? "flagged" : "overwritten");
  return Err(written);
}

// Fact 6: immutable and append-only flags of the backing inode are not enforced before 7.3: ext4 +a
// and tmpfs +i and +a files were overwritten.
KERNEL_TEST(Passthrough, InodeFlagsAreNotEnforcedBefore73) {
  const bool enforced = KernelAtLeast(7, 3);
  const std::string disk = BackingFile("flagged"), memory = TmpfsDir() + "/file";
  EXPECT_EQ(WriteToFlagged(disk, FS_APPEND_FL) != "OK", enforced) << "ext4, append-only";
  WriteFile(memory, "flagged");
  EXPECT_EQ(WriteToFlagged(memory, FS_APPEND_FL) != "OK", enforced) << "tmpfs, append-only";
  WriteFile(memory, "flagged");
  EXPECT_EQ(WriteToFlagged(memory, FS_IMMUTABLE_FL) != "OK", enforced) << "tmpfs, immutable";
}

// Fact 6: check stx_attributes and refuse write grants.
KERNEL_TEST(Passthrough, InodeFlagsShowInStatx) {
  for (const std::string& path : {BackingFile("flagged"), TmpfsDir() + "/file"}) {
    WriteFile(path, "flagged");
    const Fd held = Open(path, O_PATH);
    for (const auto& [flag, attribute] : {std::pair(FS_APPEND_FL, STATX_ATTR_APPEND),
                                          std::pair(FS_IMMUTABLE_FL, STATX_ATTR_IMMUTABLE)}) {
      struct statx shown = {};
      SetInodeFlags(path, flag);
      const int result = statx(held.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, &shown);
      SetInodeFlags(path, 0);
      EXPECT_EQ(result, 0);
      EXPECT_EQ(shown.stx_attributes & (STATX_ATTR_APPEND | STATX_ATTR_IMMUTABLE),
                static_cast<uint64_t>(attribute))
          << path;
    }
  }
}

// Fact 7: one inode, one backing id: a second id for an inode that is open answers EBUSY, which
// reaches the application as EIO.
KERNEL_TEST(Passthrough, SecondIdForAnOpenInodeIsRefused) {
  const Fd file = Open(BackingFile(), O_RDONLY);
  View view;
  Node& node = view.Add("file");
  view.Pass(node, view.Grant(file.get()));
  Fd first = Open(view.Path("file"), O_RDONLY);
  EXPECT_EQ(Err(TryOpen(view.Path("file"), O_RDONLY)), "OK") << "the same id";
  view.Pass(node, view.Grant(file.get()));
  EXPECT_EQ(Err(TryOpen(view.Path("file"), O_RDONLY)), "EIO") << "another id of the same file";
  first.Close();
  ASSERT_TRUE(Eventually([&] { return view.Seen(kRelease) >= 2; }));
  EXPECT_EQ(Err(TryOpen(view.Path("file"), O_RDONLY)), "OK") << "no open lives any more";
}

// Fact 7: mixing cached and passthrough opens answers ETXTBSY, which reaches the application as
// EIO.
KERNEL_TEST(Passthrough, CachedAndPassthroughOpensExcludeEachOther) {
  View view;
  Node& node = view.Add("file");
  const long id = view.Grant(Open(BackingFile(), O_RDONLY).get());
  {
    node.open_flags = 0;
    const Fd cached = Open(view.Path("file"), O_RDONLY);
    view.Pass(node, id);
    EXPECT_EQ(Err(TryOpen(view.Path("file"), O_RDONLY)), "EIO");
  }
  const Fd passed = Open(view.Path("file"), O_RDONLY);
  node.open_flags = 0;
  EXPECT_EQ(Err(TryOpen(view.Path("file"), O_RDONLY)), "EIO");
}

// ... nor does an inode that is open by an id which was closed open in any other way until the last close.
KERNEL_TEST(Passthrough, NothingOpensAnInodeWhoseIdWasClosed) {
  const Fd file = Open(BackingFile(), O_RDONLY);
  View view;
  Node& node = view.Add("file");
  const long id = view.Grant(file.get());
  view.Pass(node, id);
  Fd passed = Open(view.Path("file"), O_RDONLY);
  ASSERT_EQ(Err(view.Revoke(id)), "OK");
  EXPECT_EQ(Err(TryOpen(view.Path("file"), O_RDONLY)), "EIO") << "its id";
  view.Pass(node, view.Grant(file.get()));
  EXPECT_EQ(Err(TryOpen(view.Path("file"), O_RDONLY)), "EIO") << "a new one";
  constexpr uint32_t kDirectIo = 1;  // FOPEN_DIRECT_IO
  for (const uint32_t flags : {0u, kDirectIo}) {
    node.open_flags = flags;
    EXPECT_EQ(Err(TryOpen(view.Path("file"), O_RDONLY)), "EIO") << "without one: " << flags;
  }
  passed.Close();
  EXPECT_TRUE(Eventually([&] { return Err(TryOpen(view.Path("file"), O_RDONLY)) == "OK"; }));
}

// What can still be done with an open passthrough file.
void ExpectAlive(int file, char* mapped, const std::string& path, const std::string& after) {
  EXPECT_EQ(Err(WriteAt(file, after)), "OK") << after;
  EXPECT_EQ(ReadFd(file), after);
  EXPECT_EQ(ReadFile(path), after);
  EXPECT_EQ(std::string(mapped, after.size()), after);
  mapped[0] = '!';
  EXPECT_EQ(ReadFd(file)[0], '!') << "after " << after;
  void* again = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file, 0);
  EXPECT_EQ(Err(again == MAP_FAILED ? -errno : 0), "OK") << "a new mmap after " << after;
}

// Fact 9: an open passthrough file outlives everything: BACKING_CLOSE, worker death, connection
// abort, lazy unmount. Reads, writes and mmaps go on. There are no new opens.
KERNEL_TEST(Passthrough, OpenFileOutlivesEverything) {
  const std::string path = BackingFile("0123456789abcde");
  View view({.init = kInitPassthrough | kInitHandleKillprivV2});  // see fact 11
  Node& node = view.Add("file");
  const long id = view.Grant(Open(path, O_RDONLY).get());
  view.Pass(node, id);
  const std::string through = view.Path("file");
  const Fd file = Open(through, O_RDWR);
  void* const map = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  ASSERT_NE(map, MAP_FAILED);
  char* const mapped = static_cast<char*>(map);

  ASSERT_EQ(Err(view.Revoke(id)), "OK");
  ExpectAlive(file.get(), mapped, path, "backing closed ");
  EXPECT_EQ(Err(TryOpen(through, O_RDONLY)), "EIO");
  view.KillServer();
  ExpectAlive(file.get(), mapped, path, "the server died");
  ASSERT_EQ(Err(view.Abort()), "OK");
  ExpectAlive(file.get(), mapped, path, "conn. abort....");
  EXPECT_EQ(Err(TryOpen(through, O_RDONLY)), "ENOTCONN");
  ASSERT_EQ(Err(Sys(umount2(view.Path().c_str(), MNT_DETACH))), "OK");
  ExpectAlive(file.get(), mapped, path, "lazy unmount...");
  view.CloseDev();
  ExpectAlive(file.get(), mapped, path, "last dev closed");
}

// Fact 12: PASSTHROUGH excludes WRITEBACK_CACHE.
KERNEL_TEST(Passthrough, ExcludesWritebackCache) {
  View view({.init = kInitPassthrough | kInitWritebackCache});
  EXPECT_EQ(Err(view.Grant(Open(BackingFile(), O_RDONLY).get())), "EPERM");
}

// Fact 12: KEEP_CACHE and NONSEEKABLE with FOPEN_PASSTHROUGH: EIO.
KERNEL_TEST(Passthrough, ExcludesKeepCacheAndNonseekable) {
  View view;
  Node& node = view.Add("file");
  view.Pass(node, view.Grant(Open(BackingFile(), O_RDONLY).get()));
  node.open_flags = kOpenPassthrough | kOpenKeepCache;
  EXPECT_EQ(Err(TryOpen(view.Path("file"), O_RDONLY)), "EIO");
  node.open_flags = kOpenPassthrough | kOpenNonseekable;
  EXPECT_EQ(Err(TryOpen(view.Path("file"), O_RDONLY)), "EIO");
  node.open_flags = kOpenPassthrough | kOpenNoflush;
  EXPECT_EQ(Err(TryOpen(view.Path("file"), O_RDONLY)), "OK");
}

}  // namespace
}  // namespace kerneltest
