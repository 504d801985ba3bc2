// The Landlock domain of the thread that called BACKING_OPEN bounds every later open of the grant.
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>

#include "contained.h"
#include "raw_fuse.h"

namespace kerneltest {
namespace {

constexpr uint64_t kReadFile = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr uint64_t kReadWrite = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;

void NeedLandlock() {
  Need(syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 1,
       "Landlock (compiled in and in the list of LSMs)");
}

// Restricts the calling process to reading, or reading and writing, beneath a directory.
void RestrictTo(int directory, uint64_t allowed) {
  landlock_ruleset_attr handled = {};
  handled.handled_access_fs = kReadWrite;
  const Fd rules(Must(Sys(syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0)),
                      "landlock_create_ruleset"));
  landlock_path_beneath_attr rule = {};
  rule.allowed_access = allowed;
  rule.parent_fd = directory;
  Must(Sys(syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0)),
       "landlock_add_rule");
  Must(Sys(syscall(SYS_landlock_restrict_self, rules.get(), 0)), "landlock_restrict_self");
}

// A grant of `file` by a process that may do `allowed` beneath `directory`; it has ended since.
long GrantUnder(const View& view, int file, int directory, uint64_t allowed = kReadWrite) {
  return InChild([&] {
    RestrictTo(directory, allowed);
    return view.Grant(file);
  });
}

// Directories "in" and "out" with one file each.
struct Tree {
  Tree() {
    NeedLandlock();
    for (const std::string& name : {in, out}) {
      Must(Sys(mkdir(name.c_str(), 0755)), "mkdir");
      WriteFile(name + "/file", "backing", 0666);
    }
  }
  std::string in = WorkDir() + "/in";
  std::string out = WorkDir() + "/out";
};

// Fact 4: what does bind it: ... the Landlock domain of the thread that called BACKING_OPEN, which
// is kept in the grant's credentials and checked on every later open (file outside the domain:
// EIO).
KERNEL_TEST(Landlock, DomainOfTheGranterBindsEveryOpen) {
  const Tree tree;
  View view;
  Node& inside = view.Add("inside");
  Node& outside = view.Add("outside");
  const Fd domain = Open(tree.in, O_PATH | O_DIRECTORY);
  view.Pass(inside, GrantUnder(view, Open(tree.in + "/file", O_PATH).get(), domain.get()));
  view.Pass(outside, GrantUnder(view, Open(tree.out + "/file", O_PATH).get(), domain.get()));
  EXPECT_EQ(Err(TryOpen(view.Path("inside"), O_RDWR)), "OK");
  EXPECT_EQ(Err(TryOpen(view.Path("outside"), O_RDONLY)), "EIO");
  EXPECT_EQ(Err(TryOpen(view.Path("outside"), O_RDWR)), "EIO");
}

// Fact 4: ... moved out of it ...
KERNEL_TEST(Landlock, FileMovedOutOfTheDomainOpensNoMore) {
  const Tree tree;
  View view;
  const Fd domain = Open(tree.in, O_PATH | O_DIRECTORY);
  view.Pass(view.Add("file"),
            GrantUnder(view, Open(tree.in + "/file", O_RDWR).get(), domain.get()));
  const std::string moved = tree.out + "/moved", home = tree.in + "/file";
  EXPECT_EQ(Err(TryOpen(view.Path("file"), O_RDONLY)), "OK");
  Must(Sys(rename(home.c_str(), moved.c_str())), "rename");
  EXPECT_EQ(Err(TryOpen(view.Path("file"), O_RDONLY)), "EIO");
  Must(Sys(rename(moved.c_str(), home.c_str())), "rename");
  EXPECT_EQ(Err(TryOpen(view.Path("file"), O_RDONLY)), "OK");
}

// Fact 4: ... or opened for writing under a read-only domain: EIO.
KERNEL_TEST(Landlock, ReadOnlyDomainRefusesOpensForWriting) {
  const Tree tree;
  View view;
  const Fd domain = Open(tree.in, O_PATH | O_DIRECTORY);
  const Fd file = Open(tree.in + "/file", O_RDWR);
  view.Pass(view.Add("file"), GrantUnder(view, file.get(), domain.get(), kReadFile));
  EXPECT_EQ(Err(TryOpen(view.Path("file"), O_RDONLY)), "OK");
  EXPECT_EQ(Err(TryOpen(view.Path("file"), O_WRONLY)), "EIO");
  EXPECT_EQ(Err(TryOpen(view.Path("file"), O_RDWR)), "EIO");
}

// To give a device node, or a whiteout, another name is to make one to Landlock; nothing but that keeps a broker from it.
KERNEL_TEST(Landlock, ADeviceNodeIsMovedByWhoMayMakeOne) {
  NeedLandlock();
  Must(Sys(mknod((WorkDir() + "/node").c_str(), S_IFCHR | 0666, 0)), "mknod");
  const Fd directory = Open(WorkDir(), O_PATH | O_DIRECTORY);
  const auto moves = [&](uint64_t allowed) {
    return InChild([&] {
      landlock_ruleset_attr handled = {};
      handled.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_REMOVE_FILE;
      const Fd rules(Must(Sys(syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0)), "landlock_create_ruleset"));
      landlock_path_beneath_attr rule = {};
      rule.allowed_access = allowed;
      rule.parent_fd = directory.get();
      Must(Sys(syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0)), "landlock_add_rule");
      Must(Sys(syscall(SYS_landlock_restrict_self, rules.get(), 0)), "landlock_restrict_self");
      return Sys(renameat(directory.get(), "node", directory.get(), "moved"));
    });
  };
  EXPECT_EQ(Err(moves(LANDLOCK_ACCESS_FS_REMOVE_FILE)), "EACCES");
  EXPECT_EQ(Err(moves(LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR)), "OK");
}

// Of files that were handed over there is no directory: a domain that allows reading anywhere, and writing nowhere,
// is kept as well, whatever the file was open as.
KERNEL_TEST(Landlock, DomainThatAllowsWritingNowhereIsKeptToo) {
  NeedLandlock();
  WriteFile(WorkDir() + "/file", "backing", 0666);
  View view;
  const Fd file = Open(WorkDir() + "/file", O_RDWR);
  const auto grant = [&](uint64_t handled) {
    return InChild([&] {
      landlock_ruleset_attr attributes = {};
      attributes.handled_access_fs = handled;
      const Fd rules(Must(Sys(syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0)),
                          "landlock_create_ruleset"));
      Must(Sys(syscall(SYS_landlock_restrict_self, rules.get(), 0)), "landlock_restrict_self");
      return view.Grant(file.get());
    });
  };
  view.Pass(view.Add("read"), grant(LANDLOCK_ACCESS_FS_WRITE_FILE));
  EXPECT_EQ(ReadFile(view.Path("read")), "backing");
  for (const int flags : {O_WRONLY, O_RDWR, O_WRONLY | O_APPEND}) {
    EXPECT_EQ(Err(TryOpen(view.Path("read"), flags)), "EIO") << flags;
  }
  // What is not handled is allowed.
  view.Pass(view.Add("written"), grant(LANDLOCK_ACCESS_FS_MAKE_REG));
  EXPECT_EQ(Err(TryOpen(view.Path("written"), O_RDWR)), "OK");
}

// A clone of a directory, as the service makes one of the source: attached nowhere.
Fd DetachedClone(const std::string& path) {
  const Fd directory = Open(path, O_PATH | O_DIRECTORY);
  return Fd(
      Must(Sys(open_tree(directory.get(), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH)),
           "open_tree"));
}

// Not in the list: a rule on the inode of the root directory, taken through any mount, covers a
// file that was opened beneath a detached clone of it, also when the clone's fd is closed.
KERNEL_TEST(Landlock, RuleOnTheRootInodeCoversTheDetachedClone) {
  const Tree tree;
  View view;
  const Fd domain = Open(tree.in, O_PATH | O_DIRECTORY);
  Fd clone = DetachedClone(tree.in);
  const Fd file = OpenAt(clone.get(), "file", O_PATH);
  Node& plain = view.Add("plain");
  view.Pass(plain, GrantUnder(view, file.get(), domain.get()));
  EXPECT_EQ(Err(TryOpen(view.Path("plain"), O_RDWR)), "OK");
  view.Pass(view.Add("by-clone"), GrantUnder(view, file.get(), clone.get()));
  EXPECT_EQ(Err(TryOpen(view.Path("by-clone"), O_RDWR)), "OK") << "rule taken through the clone";
  clone.Close();
  EXPECT_EQ(Err(TryOpen(view.Path("plain"), O_RDWR)), "OK") << "after the clone's fd was closed";
  view.Pass(view.Add("late"), GrantUnder(view, file.get(), domain.get()));
  EXPECT_EQ(Err(TryOpen(view.Path("late"), O_RDWR)), "OK") << "granted after it was closed";
  EXPECT_EQ(Err(TryOpen(view.Path("late"), O_RDWR)), "OK");
}

// Not in the list: ... but a rule on a directory above that root does not reach into the clone, and
// neither does a rule on another directory.
KERNEL_TEST(Landlock, RuleAboveTheRootDoesNotReachIntoTheClone) {
  const Tree tree;
  View view;
  const Fd above = Open(WorkDir(), O_PATH | O_DIRECTORY);
  const Fd beside = Open(tree.out, O_PATH | O_DIRECTORY);
  const Fd clone = DetachedClone(tree.in);
  const Fd file = OpenAt(clone.get(), "file", O_PATH);
  view.Pass(view.Add("above"), GrantUnder(view, file.get(), above.get()));
  view.Pass(view.Add("beside"), GrantUnder(view, file.get(), beside.get()));
  EXPECT_EQ(Err(TryOpen(view.Path("above"), O_RDONLY)), "EIO");
  EXPECT_EQ(Err(TryOpen(view.Path("beside"), O_RDONLY)), "EIO");
}

}  // namespace
}  // namespace kerneltest
