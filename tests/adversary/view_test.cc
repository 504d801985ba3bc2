// What an application in a view, and another user who changes the source meanwhile, do not get.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <thread>

#include "core/compiler.h"
#include "core/limits.h"
#include "live.h"

namespace sluice::adversary {
namespace {

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class ViewAttack : public ::testing::Test {
 protected:
  ViewAttack() {
    tree.write(tree.path("plain"), "plain");
    tree.write(tree.path("secret.key"), "secret");
    for (const char* name : {"dir", "private", "moves"}) make_directory(name);
    tree.write(tree.path("private/inner"), "hidden");
    tree.write(tree.path("moves/only-here"), "hidden");
  }
  void make_directory(const std::string& name) {
    EXPECT_EQ(::mkdir(tree.path(name).c_str(), 0755), 0);
    EXPECT_EQ(::chown(tree.path(name).c_str(), kUser, kUser), 0);
  }
  // *.key, private as a directory, notes as anything but a directory, and one name in one place.
  void start(uint32_t coherence_milliseconds = 0, bool preserve = false) {
    service = std::make_unique<LiveService>(preserve ? std::vector<std::string>{"--preserve"} : std::vector<std::string>{});
    wire::Hello hello = honest_hello();
    hello.coherence_milliseconds = coherence_milliseconds;
    hello.preserve = preserve;
    const std::string_view patterns[] = {"*.key", "private/", "notes", "!notes/", "/moves/only-here"};
    hello.rules = std::get<core::Rules>(core::compile(patterns));
    view = std::make_unique<LiveView>(*service, tree.path(), hello);
    ASSERT_TRUE(view->up()) << service->log();
  }
  std::string in(const std::string& name) const { return view->path(name); }
  int user(const std::function<int()>& body) { return as_user(kUser, body); }
  bool in_source(const std::string& name) { return ::faccessat(AT_FDCWD, tree.path(name).c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0; }
  int renames(const std::string& from, const std::string& to, unsigned flags = 0) {
    return user([&] { return outcome(::syscall(SYS_renameat2, AT_FDCWD, in(from).c_str(), AT_FDCWD, in(to).c_str(), flags)); });
  }
  bool alive() {
    return user([&] { return outcome(::open(in("plain").c_str(), O_RDONLY)); }) == 0;
  }

  Tree tree;
  std::unique_ptr<LiveService> service;
  std::unique_ptr<LiveView> view;
};

// ---- Hidden names ----

TEST_F(ViewAttack, HiddenNamesAreNotFound) {
  start();
  struct stat stat;
  for (const char* name : {"secret.key", "private", "private/inner", "moves/only-here"}) {
    EXPECT_EQ(user([&] { return outcome(::lstat(in(name).c_str(), &stat)); }), ENOENT) << name;
  }
}
TEST_F(ViewAttack, HiddenNamesAreNotListed) {
  start();
  EXPECT_EQ(user([&] {
    for (const char* directory : {"", "moves"}) {
      DIR* listing = ::opendir(in(directory).c_str());
      if (listing == nullptr) return 1;
      while (const struct dirent* entry = ::readdir(listing)) {
        const std::string name = entry->d_name;
        if (name == "secret.key" || name == "private" || name == "only-here") return 2;
      }
    }
    return 0;
  }), 0);
}
TEST_F(ViewAttack, WhatIsAboveTheRoot) {
  start();
  EXPECT_EQ(user([&] {
    uint64_t self = 0, above = 1;
    DIR* listing = ::opendir(in("").c_str());
    while (const struct dirent* entry = listing == nullptr ? nullptr : ::readdir(listing)) {
      if (std::string(entry->d_name) == ".") self = entry->d_ino;
      if (std::string(entry->d_name) == "..") above = entry->d_ino;
    }
    return self == above ? 0 : 1;
  }), 0);
}
TEST_F(ViewAttack, HiddenNamesAreNotMade) {
  start();
  EXPECT_EQ(user([&] { return outcome(::open(in("new.key").c_str(), O_RDWR | O_CREAT, 0600)); }), EACCES);
  EXPECT_FALSE(in_source("new.key"));
}
TEST_F(ViewAttack, HiddenNamesAreNotMadeInOtherWays) {
  start();
  EXPECT_EQ(user([&] { return outcome(::mkdir(in("dir.key").c_str(), 0700)); }), EACCES);
  EXPECT_EQ(user([&] { return outcome(::mknod(in("fifo.key").c_str(), S_IFIFO | 0600, 0)); }), EACCES);
  EXPECT_EQ(user([&] { return outcome(::symlink("plain", in("link.key").c_str())); }), EACCES);
  EXPECT_EQ(user([&] { return outcome(::link(in("plain").c_str(), in("hard.key").c_str())); }), EACCES);
  for (const char* name : {"dir.key", "fifo.key", "link.key", "hard.key"}) EXPECT_FALSE(in_source(name)) << name;
}
TEST_F(ViewAttack, HiddenDirectoriesAreNotMade) {
  start();
  EXPECT_EQ(user([&] { return outcome(::mkdir(in("dir/private").c_str(), 0700)); }), EACCES);
  EXPECT_FALSE(in_source("dir/private"));
}
TEST_F(ViewAttack, NamesHiddenAsFilesAreNotMade) {
  start();
  EXPECT_EQ(user([&] { return outcome(::open(in("dir/notes").c_str(), O_RDWR | O_CREAT, 0600)); }), EACCES);
  EXPECT_FALSE(in_source("dir/notes"));
}
// A hidden directory may be there, and a file of that name is not hidden: neither may tell.
TEST_F(ViewAttack, NamesHiddenAsOneKindAreNotMadeAsTheOther) {
  start();
  for (const char* name : {"private", "dir/private"}) {
    EXPECT_EQ(user([&] { return outcome(::open(in(name).c_str(), O_RDWR | O_CREAT, 0600)); }), EACCES) << name;
  }
  EXPECT_FALSE(in_source("dir/private"));
  EXPECT_EQ(user([&] { return outcome(::mkdir(in("dir/notes").c_str(), 0700)); }), EACCES);
  EXPECT_FALSE(in_source("dir/notes"));
}
TEST_F(ViewAttack, NothingIsRenamedToAHiddenName) {
  start();
  EXPECT_EQ(renames("plain", "plain.key"), EACCES);
  EXPECT_TRUE(in_source("plain"));
}
TEST_F(ViewAttack, NothingHiddenIsReplaced) {
  start();
  EXPECT_EQ(renames("plain", "secret.key"), EACCES);
  EXPECT_EQ(content_of(tree.path("secret.key")), "secret");
}
// By the errno of a rename onto it, hidden and absent are the same.
TEST_F(ViewAttack, HiddenDirectoriesAreNotToldByARename) {
  start();
  EXPECT_EQ(renames("plain", "dir/private"), renames("plain", "private"));
}
TEST_F(ViewAttack, ADirectoryIsNotMovedToWhereMoreOfItIsSeen) {
  start();
  EXPECT_EQ(renames("moves", "moved"), EXDEV);
  EXPECT_FALSE(in_source("moved"));
}
TEST_F(ViewAttack, NorByAnExchange) {
  start();
  EXPECT_EQ(renames("plain", "moves", RENAME_EXCHANGE), EXDEV);
  struct stat stat;
  ASSERT_EQ(::stat(tree.path("moves").c_str(), &stat), 0);
  EXPECT_TRUE(S_ISDIR(stat.st_mode));
}
// The kernel still has the name from when it was another thing, that was to be seen.
class StaleName : public ViewAttack {
 protected:
  // dir/private was a file; now it is a hidden directory.
  void become_hidden() {
    tree.write(tree.path("dir/private"), "a file");
    // What the view's user may not read cannot be watched for it: the kernel is not told to forget.
    ASSERT_EQ(::chmod(tree.path("dir").c_str(), 0333), 0);
    start(60000);
    struct stat stat;
    ASSERT_EQ(user([&] { return outcome(::stat(in("dir/private").c_str(), &stat)); }), 0);
    ASSERT_EQ(::unlink(tree.path("dir/private").c_str()), 0);
    make_directory("dir/private");
    tree.write(tree.path("dir/private/inner"), "hidden");
  }
};
TEST_F(StaleName, IsNotRenamed) {
  become_hidden();
  EXPECT_NE(renames("dir/private", "dir/seen"), 0);
  EXPECT_FALSE(in_source("dir/seen"));
}
TEST_F(StaleName, IsNotToldByARemoval) {
  become_hidden();
  EXPECT_EQ(user([&] { return outcome(::unlink(in("dir/private").c_str())); }), ENOENT);
}

// ---- Changes behind the view ----

// Whoever looks at a directory again and again is not told, by what the kernel asks for anew, that something
// hidden has changed in it; of what is seen it is told.
TEST_F(ViewAttack, NothingIsToldOfHiddenChanges) {
  start(60000);
  const auto asked = [&] {
    uint32_t all = 0;
    for (const auto& one : service->list(0)) {
      for (const uint64_t requests : one.requests) all += static_cast<uint32_t>(requests);
    }
    return all;
  };
  const auto asked_after = [&](const std::function<void()>& change) {
    struct stat stat;
    const auto look = [&] { EXPECT_EQ(user([&] { return outcome(::stat(in("dir").c_str(), &stat)); }), 0); };
    EXPECT_EQ(user([&] { return outcome(::stat(in("dir/nothing").c_str(), &stat)); }), ENOENT);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    look();
    change();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const uint32_t before = asked();
    look();
    return asked() - before;
  };
  // What was looked up before the directory was watched is not remembered for longer than this.
  (void)asked_after([] { std::this_thread::sleep_for(std::chrono::milliseconds(core::Limits::kCoherenceMilliseconds)); });
  for (int i = 0; i < 20 && asked_after([] {}) != 0; ++i) continue;
  EXPECT_EQ(asked_after([&] { tree.write(tree.path("dir/new.key"), "secret"); }), 0u);
  EXPECT_EQ(asked_after([&] { make_directory("dir/private"); }), 0u);
  EXPECT_EQ(asked_after([&] { ::unlink(tree.path("dir/new.key").c_str()); }), 0u);
  EXPECT_GT(asked_after([&] { tree.write(tree.path("dir/new"), "seen"); }), 0u);
}

// What the view and others do to one name, in turns and at once, so that it is told together.
TEST_F(ViewAttack, WhatOthersDoToANameOfOursIsSeen) {
  start(60000);
  struct stat stat;
  const auto seen = [&](const char* name) { return user([&] { return outcome(::stat(in(name).c_str(), &stat)); }); };
  const auto makes = [&](const char* name) {
    return user([&] { return outcome(::open(in(name).c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644)); });
  };
  const auto removes = [&](const char* name) { return user([&] { return outcome(::unlink(in(name).c_str())); }); };
  const auto soon = [](const std::function<bool()>& so) {
    for (int i = 0; i < 200 && !so(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return so();
  };
  ASSERT_EQ(seen("dir/absent"), ENOENT);  // it is watched from now on
  for (int round = 0; round < 20; ++round) {
    // All at once, so that both removals are told together.
    ASSERT_EQ(makes("dir/name"), 0);
    ASSERT_EQ(removes("dir/name"), 0);
    ASSERT_EQ(makes("dir/name"), 0);
    ASSERT_EQ(::unlink(tree.path("dir/name").c_str()), 0);
    EXPECT_TRUE(soon([&] { return seen("dir/name") == ENOENT; })) << "removed, round " << round;
    ASSERT_EQ(user([&] { return outcome(::symlink("a", in("dir/name").c_str())); }), 0);
    ASSERT_EQ(renames("dir/name", "dir/other"), 0);
    tree.write(tree.path("dir/name"), "x");
    EXPECT_TRUE(soon([&] { return seen("dir/name") == 0; })) << "made, round " << round;
    ASSERT_EQ(::rename(tree.path("dir/name").c_str(), tree.path("dir/other").c_str()), 0);
    EXPECT_TRUE(soon([&] { return seen("dir/name") == ENOENT && seen("dir/other") == 0; })) << "moved, round " << round;
    ASSERT_EQ(removes("dir/other"), 0);
  }
}

// ---- Which file ----

// A file that the application holds is replaced behind the view: what it does then must not reach the
// new one, which it may not know of.
class Replaced : public ViewAttack {
 protected:
  // Runs body with an O_PATH descriptor of dir/file, which has been replaced meanwhile.
  int with_replaced(const std::function<int(int)>& body) {
    tree.write(tree.path("dir/file"), "old");
    start(60000);
    const std::string ready = tree.outside("ready"), go = tree.outside("go");
    ::mkfifo(ready.c_str(), 0666);
    ::mkfifo(go.c_str(), 0666);
    ::chmod(ready.c_str(), 0666);
    ::chmod(go.c_str(), 0666);
    const int turn[2] = {::open(ready.c_str(), O_RDWR | O_CLOEXEC), ::open(go.c_str(), O_RDWR | O_CLOEXEC)};
    const pid_t other = ::fork();
    if (other == 0) {
      char byte;
      (void)!::read(turn[0], &byte, 1);
      ::rename(tree.path("dir/file").c_str(), tree.path("dir/elsewhere").c_str());
      tree.write(tree.path("dir/file"), "new");
      (void)!::write(turn[1], "x", 1);
      ::_exit(0);
    }
    const int result = user([&] {
      const int fd = ::open(in("dir/file").c_str(), O_PATH | O_CLOEXEC);
      char byte = 'x';
      (void)!::write(turn[0], &byte, 1);
      (void)!::read(turn[1], &byte, 1);
      return body(fd);
    });
    for (const int fd : turn) ::close(fd);
    return result;
  }
  static std::string by(int fd) { return "/proc/self/fd/" + std::to_string(fd); }
};
TEST_F(Replaced, ChangesOfMode) {
  (void)with_replaced([&](int fd) { return outcome(::chmod(by(fd).c_str(), 0600)); });
  struct stat stat;
  ASSERT_EQ(::stat(tree.path("dir/file").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 07777, 0644u);
}
TEST_F(Replaced, ExtendedAttributes) {
  (void)with_replaced([&](int fd) { return outcome(::setxattr(by(fd).c_str(), "user.x", "1", 1, 0)); });
  EXPECT_LT(::getxattr(tree.path("dir/file").c_str(), "user.x", nullptr, 0), 0);
}
TEST_F(Replaced, Contents) {
  EXPECT_NE(with_replaced([&](int fd) {
    const int opened = ::open(by(fd).c_str(), O_RDONLY | O_CLOEXEC);
    char text[4] = {};
    return opened >= 0 && ::read(opened, text, 3) == 3 && std::string(text) == "new" ? 77 : 0;
  }), 77);
}
TEST_F(Replaced, Attributes) {
  struct stat stat;
  EXPECT_NE(with_replaced([&](int fd) {
    struct statx now;
    if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &now) < 0) return 0;
    return ::stat(in("dir/elsewhere").c_str(), &stat) == 0 && now.stx_ino != stat.st_ino ? 77 : 0;
  }), 77);
}

// ---- Mounts inside the source ----

class Inside : public ViewAttack {
 protected:
  void SetUp() override {
    make_directory("mounted");
    ASSERT_EQ(::mount("tmpfs", tree.path("mounted").c_str(), "tmpfs", 0, "mode=777"), 0);
    tree.write(tree.path("mounted/foreign"), "foreign");
    start(coherence_milliseconds());
  }
  virtual uint32_t coherence_milliseconds() const { return 0; }
  void TearDown() override {
    view.reset();
    service.reset();
    ::umount2(tree.path("mounted").c_str(), MNT_DETACH);
  }
};
TEST_F(Inside, IsNotCrossed) {
  struct stat stat;
  for (const char* name : {"mounted", "mounted/foreign"}) {
    EXPECT_EQ(user([&] { return outcome(::stat(in(name).c_str(), &stat)); }), EXDEV) << name;
  }
}
TEST_F(Inside, IsNotListed) {
  EXPECT_EQ(user([&] {
    DIR* listing = ::opendir(in("mounted").c_str());
    while (const struct dirent* entry = listing == nullptr ? nullptr : ::readdir(listing)) {
      if (std::string(entry->d_name) == "foreign") return 1;
    }
    return 0;
  }), 0);
}

// A listing may tell the kernel of what is in it, which then asks no more for a while.
class InsideRemembered : public Inside {
  uint32_t coherence_milliseconds() const override { return 60000; }
};
TEST_F(InsideRemembered, IsNotCrossedAfterAListing) {
  EXPECT_EQ(user([&] {
    DIR* listing = ::opendir(in("").c_str());
    while (listing != nullptr && ::readdir(listing) != nullptr) {}
    struct stat stat;
    return outcome(::stat(in("mounted").c_str(), &stat));
  }), EXDEV);
}

// ---- Other directories in the tree ----

class Grafted : public ViewAttack {
 protected:
  // One directory twice: to be read, and to be written.
  void SetUp() override {
    for (const char* name : {"read", "written", "other"}) make_directory(name);
    tree.write(tree.path("other/inner"), "inner");
    service = std::make_unique<LiveService>();
    wire::Hello hello = honest_hello();
    hello.coherence_milliseconds = 0;
    hello.grafts = {{"read", true}, {"written", false}};
    const std::string other = tree.path("other");
    view = std::make_unique<LiveView>(*service, tree.path(), hello, 0, std::vector<std::string>{other, other});
    ASSERT_TRUE(view->up()) << service->log();
  }
  int opens(const std::string& name, int flags) {
    return user([&] { return outcome(::open(in(name).c_str(), flags | O_CLOEXEC, 0600)); });
  }
};
TEST_F(Grafted, WhatIsThereToBeReadIsNotWritten) {
  EXPECT_EQ(opens("read/inner", O_RDONLY), 0);
  EXPECT_EQ(opens("read/inner", O_RDWR), EROFS);
  EXPECT_EQ(opens("read/inner", O_WRONLY | O_TRUNC), EROFS);
  EXPECT_EQ(opens("read/new", O_WRONLY | O_CREAT), EROFS);
  EXPECT_EQ(user([&] { return outcome(::mkdir(in("read/new").c_str(), 0700)); }), EROFS);
  EXPECT_EQ(user([&] { return outcome(::unlink(in("read/inner").c_str())); }), EROFS);
  EXPECT_EQ(user([&] { return outcome(::chmod(in("read/inner").c_str(), 0600)); }), EROFS);
  EXPECT_EQ(content_of(tree.path("other/inner")), "inner");
  EXPECT_FALSE(in_source("other/new"));
}
TEST_F(Grafted, WhatIsThereToBeWrittenIs) {
  EXPECT_EQ(opens("written/inner", O_RDWR), 0);
  EXPECT_EQ(opens("written/new", O_WRONLY | O_CREAT), 0);
  EXPECT_TRUE(in_source("other/new"));
}
TEST_F(Grafted, AsManyAsThereMayBe) {
  wire::Hello hello = honest_hello();
  std::vector<std::string> directories;
  for (size_t i = 0; i < core::kMostGrafts; ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    make_directory(name);
    hello.grafts.push_back({name, false});
    directories.push_back(tree.path("other"));
  }
  view = std::make_unique<LiveView>(*service, tree.path(), hello, 0, directories);
  ASSERT_TRUE(view->up()) << service->log();
  EXPECT_EQ(opens("a/inner", O_RDWR), 0);
  EXPECT_EQ(opens(hello.grafts.back().at + "/inner", O_RDWR), 0);
}
// One of them is open for writing: by the other it is still another file.
TEST_F(Grafted, TheSameFileByBoth) {
  EXPECT_EQ(user([&] {
    const int written = ::open(in("written/inner").c_str(), O_RDWR | O_CLOEXEC);
    const int read = ::open(in("read/inner").c_str(), O_RDONLY | O_CLOEXEC);
    char bytes[8];
    if (written < 0 || ::pread(read, bytes, sizeof(bytes), 0) != 5) return 100;
    return outcome(::open(in("read/inner").c_str(), O_WRONLY | O_CLOEXEC));
  }), EROFS);
}

// ---- Calls that end the worker, were they passed on ----

TEST_F(ViewAttack, DevicesAreNotMade) {
  start(0, true);
  for (const mode_t type : {S_IFCHR, S_IFBLK}) {
    EXPECT_EQ(as_user(0, [&] { return outcome(::mknod(in("null").c_str(), type | 0600, makedev(1, 3))); }), EPERM);
    EXPECT_FALSE(in_source("null"));
  }
  EXPECT_TRUE(alive());
}
// Which anybody may make elsewhere; to who listens it is what it is.
TEST_F(ViewAttack, WhiteoutsAreMade) {
  start();
  EXPECT_EQ(user([&] { return outcome(::mknod(in("whiteout").c_str(), S_IFCHR | 0600, 0)); }), 0);
  struct stat stat;
  ASSERT_EQ(::lstat(tree.path("whiteout").c_str(), &stat), 0);
  EXPECT_TRUE(S_ISCHR(stat.st_mode) && stat.st_rdev == 0 && stat.st_uid == kUser);
  EXPECT_EQ(user([&] { return outcome(::mknod(in("whiteout.key").c_str(), S_IFCHR | 0600, 0)); }), EACCES);
  EXPECT_FALSE(in_source("whiteout.key"));
  // A name of it is moved, too.
  EXPECT_EQ(renames("whiteout", "dir/whiteout"), 0);
  EXPECT_EQ(user([&] { return outcome(::unlink(in("dir/whiteout").c_str())); }), 0);
  EXPECT_TRUE(alive());
}
TEST_F(ViewAttack, WhiteoutsAreNotLeft) {
  start();
  EXPECT_EQ(renames("plain", "dir/plain", RENAME_WHITEOUT), EINVAL);
  EXPECT_TRUE(alive());
}
TEST_F(ViewAttack, SeekingBeforeTheStart) {
  start();
  EXPECT_EQ(user([&] {
    const int fd = ::open(in("plain").c_str(), O_RDONLY | O_CLOEXEC);
    return outcome(::lseek(fd, -1, SEEK_DATA));
  }), ENXIO);
  EXPECT_TRUE(alive());
}

// ---- Every owner kept ----

TEST_F(ViewAttack, WhoMakesAFileOwnsIt) {
  start(0, true);
  ASSERT_EQ(user([&] { return outcome(::open(in("dir/made").c_str(), O_RDWR | O_CREAT, 0600)); }), 0);
  ASSERT_EQ(user([&] { return outcome(::mkdir(in("dir/made-too").c_str(), 0700)); }), 0);
  struct stat stat;
  for (const char* name : {"dir/made", "dir/made-too"}) {
    ASSERT_EQ(::stat(tree.path(name).c_str(), &stat), 0);
    EXPECT_EQ(stat.st_uid, kUser) << name;
  }
}
// The view's processes may give any file to anybody. Whoever may rename in a directory puts another's file
// in the place of what is just being made there.
TEST_F(ViewAttack, NobodyIsGivenAnothersFile) {
  const std::string victim = tree.path("dir/victim"), there = tree.path("dir/made"), kept = tree.outside("kept");
  tree.write(kept, "root's", 0600);
  ASSERT_EQ(::chown(kept.c_str(), 0, 0), 0);
  const os::Fd roots(::open(kept.c_str(), O_PATH | O_CLOEXEC));
  start(0, true);
  std::atomic<bool> go_on = true;
  std::atomic<int> swaps = 0;
  std::thread swapping([&] {
    while (go_on) {
      if (::rename(victim.c_str(), there.c_str()) == 0 && ::rename(there.c_str(), victim.c_str()) == 0) {
        ++swaps;
      } else {
        [[maybe_unused]] const int linked = ::link(kept.c_str(), victim.c_str());  // the user has removed it, as whose directory it is may
      }
    }
  });
  const std::string made = in("dir/made");
  EXPECT_EQ(user([&] {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(4);
    struct stat stat;
    while (std::chrono::steady_clock::now() < until) {
      ::mknod(made.c_str(), S_IFREG | 0644, 0);
      ::unlink(made.c_str());
      [[maybe_unused]] const int linked = ::symlink("target", made.c_str());
      ::unlink(made.c_str());
      if (::fstat(roots.get(), &stat) < 0 || stat.st_uid != 0) return 1;
    }
    return 0;
  }), 0) << "root's file was given away";
  go_on = false;
  swapping.join();
  EXPECT_GT(swaps, 100);
}
// Of what is moved away while it is made, nobody becomes the owner; whoever has it must not be able to put it in
// the place of what somebody else makes later.
TEST_F(ViewAttack, NobodyIsGivenWhatWasLost) {
  start(0, true);
  const std::string made = in("dir/made"), there = tree.path("dir/made");
  const std::string taken = tree.path("dir/taken"), lost = tree.path("dir/lost");
  std::atomic<bool> go_on = true;
  std::thread taking([&] {
    struct stat stat;
    while (go_on) {
      if (::rename(there.c_str(), taken.c_str()) < 0) continue;
      // Where it had been found before, it is its maker's a moment later.
      for (int i = 0; i < 5 && ::lstat(taken.c_str(), &stat) == 0 && stat.st_uid != kUser; ++i) {
        if (i == 4) {
          ::rename(taken.c_str(), lost.c_str());
          return;
        }
        ::usleep(4000);
      }
    }
  });
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(7);
  EXPECT_EQ(user([&] {
    while (std::chrono::steady_clock::now() < until) {
      ::mknod(made.c_str(), S_IFREG | 0666, 0);
      if (::access(lost.c_str(), F_OK) == 0) return 0;
      ::unlink(made.c_str());
    }
    return 1;
  }), 0) << "nothing was lost";
  go_on = false;
  taking.join();
  const os::Fd held(::open(lost.c_str(), O_PATH | O_CLOEXEC));
  struct stat before, stat;
  ASSERT_EQ(::fstat(held.get(), &before), 0);
  go_on = true;
  // Empty and of one name, as what is just made.
  std::thread putting([&] {
    while (go_on) {
      if (::syscall(SYS_renameat2, AT_FDCWD, lost.c_str(), AT_FDCWD, there.c_str(), RENAME_EXCHANGE) < 0) continue;
      ::usleep(500);
      ::rename(there.c_str(), lost.c_str());
    }
  });
  EXPECT_EQ(user([&] {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3);
    while (std::chrono::steady_clock::now() < end) {
      ::mknod(made.c_str(), S_IFREG | 0644, 0);
      if (::fstat(held.get(), &stat) < 0 || stat.st_uid != before.st_uid) return 1;
    }
    return 0;
  }), 0) << "what was lost was given away";
  go_on = false;
  putting.join();
}
TEST_F(ViewAttack, NamelessFilesWouldBeNobodys) {
  start(0, true);
  EXPECT_EQ(user([&] { return outcome(::open(in("dir").c_str(), O_TMPFILE | O_RDWR, 0600)); }), EOPNOTSUPP);
}

}  // namespace
}  // namespace sluice::adversary
