// An application in a view whose rules deny, mask, make read-only, override and limit: what it gets, and
// that the source stays as it is.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "core/compiler.h"
#include "hostile_worker.h"
#include "live.h"

namespace sluice::adversary {
namespace {

using core::Effect;
using core::Rule;

Rule with(Effect effect, uint64_t value = 0) { return {effect, false, value}; }

class RuledView : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"denied-dir", "masked-dir", "fixed-dir", "plain-dir", "few"}) make_directory(name);
    for (const char* name : {"plain", "denied", "masked", "fixed", "owned", "moded", "fixed-dir/inner",
                             "denied-dir/inner", "masked-dir/inner"}) {
      tree.write(tree.path(name), "12345");
    }
    tree.write(tree.path("tool"), "12345", 0755);
    for (const char* name : {"denied-link", "masked-link"}) {
      ASSERT_EQ(::symlink("plain", tree.path(name).c_str()), 0);
    }
    for (const char* name : {"denied", "masked", "plain"}) {
      ASSERT_EQ(::setxattr(tree.path(name).c_str(), "user.there", "1", 1, 0), 0);
    }
    const core::WrittenRule written[] = {
        {"denied*", with(Effect::kDeny, EDOM)},      {"masked*", with(Effect::kMask)},
        {"fixed*", with(Effect::kReadOnly)},         {"/few/", with(Effect::kMostNames, 2)},
        {"owned", with(Effect::kOwner, 7)},          {"moded", with(Effect::kMode, 0440)},
        {"tool", with(Effect::kNoExecute)},
    };
    wire::Hello hello = honest_hello();
    hello.coherence_milliseconds = 0;
    hello.rules = std::get<core::Rules>(core::compile(written));
    service = std::make_unique<LiveService>();
    view = std::make_unique<LiveView>(*service, tree.path(), hello);
    ASSERT_TRUE(view->up()) << service->log();
  }
  void make_directory(const std::string& name) {
    EXPECT_EQ(::mkdir(tree.path(name).c_str(), 0755), 0);
    EXPECT_EQ(::chown(tree.path(name).c_str(), kUser, kUser), 0);
  }
  std::string in(const std::string& name) const { return view->path(name); }
  // The errno of a call on that name of the view, made by its user.
  int of(const std::string& name, const std::function<long(const char*)>& call) {
    return as_user(kUser, [&] { return outcome(call(in(name).c_str())); });
  }
  int opens(const std::string& name, int flags) {
    return of(name, [&](const char* path) { return ::open(path, flags | O_CLOEXEC, 0600); });
  }
  int renames(const std::string& from, const std::string& to) {
    return of(from, [&](const char* path) { return ::rename(path, in(to).c_str()); });
  }
  bool in_source(const std::string& name) {
    return ::faccessat(AT_FDCWD, tree.path(name).c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  }
  struct stat source(const std::string& name) {
    struct stat stat {};
    EXPECT_EQ(::stat(tree.path(name).c_str(), &stat), 0) << name;
    return stat;
  }
  // As its user sees it: nobody else may look into the view.
  struct stat seen(const std::string& name) {
    int pipe[2];
    struct stat stat {};
    EXPECT_EQ(::pipe(pipe), 0);
    EXPECT_EQ(of(name, [&](const char* path) {
      struct stat found;
      return ::lstat(path, &found) < 0 || ::write(pipe[1], &found, sizeof(found)) < 0 ? -1 : 0;
    }), 0) << name;
    ::close(pipe[1]);
    EXPECT_EQ(::read(pipe[0], &stat, sizeof(stat)), static_cast<ssize_t>(sizeof(stat)));
    ::close(pipe[0]);
    return stat;
  }

  Tree tree;
  std::unique_ptr<LiveService> service;
  std::unique_ptr<LiveView> view;
};

TEST_F(RuledView, Attributes) {
  EXPECT_EQ(seen("plain").st_size, 5);
  EXPECT_EQ(seen("denied").st_size, 5);
  EXPECT_EQ(seen("masked").st_size, 0);
  EXPECT_EQ(seen("owned").st_uid, 7u);
  EXPECT_EQ(seen("moded").st_mode, S_IFREG | 0440u);
  EXPECT_EQ(seen("tool").st_mode, S_IFREG | 0644u);
}
TEST_F(RuledView, Contents) {
  EXPECT_EQ(opens("plain", O_RDWR), 0);
  EXPECT_EQ(opens("denied", O_RDONLY), EDOM);
  EXPECT_EQ(opens("denied", O_WRONLY), EDOM);
  for (const char* name : {"masked", "fixed", "fixed-dir/inner"}) {
    EXPECT_EQ(opens(name, O_WRONLY), EROFS) << name;
    EXPECT_EQ(opens(name, O_RDONLY | O_TRUNC), EROFS) << name;
    EXPECT_EQ(of(name, [](const char* path) { return ::truncate(path, 1); }), EROFS) << name;
    EXPECT_EQ(source(name).st_size, 5) << name;
  }
  EXPECT_EQ(as_user(kUser, [&] {
    char byte;
    return static_cast<int>(::read(::open(in("masked").c_str(), O_RDONLY | O_CLOEXEC), &byte, 1));
  }), 0);
  EXPECT_EQ(as_user(kUser, [&] {
    char bytes[8];
    return static_cast<int>(::read(::open(in("fixed").c_str(), O_RDONLY | O_CLOEXEC), bytes, 8));
  }), 5);
  EXPECT_EQ(of("tool", [](const char* path) { return ::access(path, X_OK); }), EACCES);
}
TEST_F(RuledView, NothingIsFoundBelow) {
  struct stat stat;
  EXPECT_EQ(of("denied-dir/inner", [&](const char* path) { return ::stat(path, &stat); }), EDOM);
  EXPECT_EQ(of("masked-dir/inner", [&](const char* path) { return ::stat(path, &stat); }), ENOENT);
  EXPECT_EQ(of("masked-dir/absent", [&](const char* path) { return ::stat(path, &stat); }), ENOENT);
}
TEST_F(RuledView, NothingIsListed) {
  EXPECT_EQ(of("denied-dir", [](const char* path) { return ::opendir(path) == nullptr ? -1 : 0; }), EDOM);
  EXPECT_EQ(as_user(kUser, [&] {
    DIR* listing = ::opendir(in("masked-dir").c_str());
    if (listing == nullptr) return 100;
    int names = 0;
    while (::readdir(listing) != nullptr) ++names;
    return names;
  }), 2);  // "." and ".."
}
TEST_F(RuledView, NothingIsMade) {
  for (const char* name : {"fixed-new", "fixed-dir/new", "masked-new", "masked-dir/new"}) {
    EXPECT_EQ(opens(name, O_RDWR | O_CREAT), EROFS) << name;
    EXPECT_EQ(of(name, [](const char* path) { return ::mkdir(path, 0700); }), EROFS) << name;
    EXPECT_EQ(of(name, [](const char* path) { return ::symlink("plain", path); }), EROFS) << name;
    EXPECT_FALSE(in_source(name)) << name;
  }
  EXPECT_EQ(opens("denied-new", O_RDWR | O_CREAT), EDOM);
  EXPECT_FALSE(in_source("denied-new"));
}
TEST_F(RuledView, NothingIsRemoved) {
  EXPECT_EQ(of("fixed", ::unlink), EROFS);
  EXPECT_EQ(of("fixed-dir/inner", ::unlink), EROFS);
  EXPECT_EQ(of("masked", ::unlink), EROFS);
  EXPECT_EQ(of("masked-dir", ::rmdir), EROFS);
  EXPECT_EQ(of("denied", ::unlink), EDOM);
  for (const char* name : {"fixed", "fixed-dir/inner", "masked", "masked-dir", "denied"}) EXPECT_TRUE(in_source(name)) << name;
}
TEST_F(RuledView, NothingIsRenamedThere) {
  for (const char* name : {"fixed-new", "fixed-dir/new", "fixed", "masked", "masked-dir/new"}) {
    EXPECT_EQ(renames("plain", name), EROFS) << name;
  }
  EXPECT_TRUE(in_source("plain"));
  EXPECT_FALSE(in_source("fixed-new"));
}
TEST_F(RuledView, NothingIsRenamedOutOfARule) {
  EXPECT_EQ(renames("owned", "plain-owned"), EXDEV);
  EXPECT_EQ(renames("plain", "owned"), EXDEV);
  EXPECT_EQ(renames("fixed", "plain-fixed"), EROFS);
  EXPECT_TRUE(in_source("owned"));
  EXPECT_TRUE(in_source("plain"));
  EXPECT_FALSE(in_source("plain-owned"));
}
TEST_F(RuledView, NothingIsLinkedOutOfARule) {
  for (const char* name : {"fixed", "masked", "denied", "moded"}) {
    EXPECT_EQ(of(name, [&](const char* path) { return ::link(path, in("plain-link").c_str()); }), EXDEV) << name;
    EXPECT_FALSE(in_source("plain-link")) << name;
  }
}
TEST_F(RuledView, NoAttributeIsChanged) {
  const struct stat before = source("fixed");
  EXPECT_EQ(of("fixed", [](const char* path) { return ::chmod(path, 0600); }), EROFS);
  EXPECT_EQ(of("fixed", [](const char* path) { return ::chown(path, -1, kUser); }), EROFS);
  const struct timespec times[2] = {{1, 0}, {1, 0}};
  EXPECT_EQ(of("fixed", [&](const char* path) { return ::utimensat(AT_FDCWD, path, times, 0); }), EROFS);
  const struct stat after = source("fixed");
  EXPECT_EQ(after.st_mode, before.st_mode);
  EXPECT_EQ(after.st_mtime, before.st_mtime);
  EXPECT_EQ(of("moded", [](const char* path) { return ::chmod(path, 0600); }), EPERM);
  EXPECT_EQ(source("moded").st_mode & 07777, 0644u);
}
TEST_F(RuledView, NoExtendedAttributeIsChanged) {
  EXPECT_EQ(of("fixed", [](const char* path) { return ::setxattr(path, "user.new", "1", 1, 0); }), EROFS);
  EXPECT_LT(::getxattr(tree.path("fixed").c_str(), "user.new", nullptr, 0), 0);
  EXPECT_EQ(of("plain", [](const char* path) { return ::setxattr(path, "user.new", "1", 1, 0); }), 0);
}
TEST_F(RuledView, NoExtendedAttributeIsTold) {
  const auto get = [](const char* path) { return ::getxattr(path, "user.there", nullptr, 0); };
  const auto list = [](const char* path) { return ::listxattr(path, nullptr, 0); };
  EXPECT_EQ(of("plain", get), 0);
  EXPECT_EQ(of("denied", get), EDOM);
  EXPECT_EQ(of("denied", list), EDOM);
  EXPECT_EQ(of("masked", get), ENODATA);
}
TEST_F(RuledView, NoLinkIsTold) {
  char target[64];
  const auto read = [&](const char* path) { return ::readlink(path, target, sizeof(target)); };
  EXPECT_EQ(of("denied-link", read), EDOM);
  EXPECT_EQ(of("masked-link", read), EACCES);
}
// From then on other rules hold.
TEST_F(RuledView, RulesThatWereReplaced) {
  const core::WrittenRule written[] = {{"plain", with(Effect::kDeny, EDOM)}};
  wire::Hello hello;
  hello.kind = wire::HelloKind::kReload;
  hello.name = view->answer().text;
  hello.rules = std::get<core::Rules>(core::compile(written));
  const Answer reloaded = LiveService::ask(service->connect(0).get(), hello);
  ASSERT_EQ(reloaded.error, 0);
  ASSERT_EQ(reloaded.reason, core::Reason::kNone);
  EXPECT_EQ(opens("plain", O_RDONLY), EDOM);
  EXPECT_EQ(opens("plain", O_RDWR), EDOM);
}
// Who has a directory open lists it by what the kernel remembers, and asks nobody.
TEST(RememberedListing, IsNoneOfRulesThatWereReplaced) {
  Tree tree;
  ASSERT_EQ(::mkdir(tree.path("dir").c_str(), 0755), 0);
  ASSERT_EQ(::chown(tree.path("dir").c_str(), kUser, kUser), 0);
  tree.write(tree.path("dir/inner"), "12345");
  LiveService service;
  wire::Hello mount = honest_hello();
  mount.coherence_milliseconds = 1000;
  LiveView view(service, tree.path(), mount);
  ASSERT_TRUE(view.up()) << service.log();
  int said[2], go_on[2], wrong = -1;
  ASSERT_EQ(::pipe(said), 0);
  ASSERT_EQ(::pipe(go_on), 0);
  std::thread user([&] {
    wrong = as_user(kUser, [&] {
      DIR* const open = ::opendir(view.path("dir").c_str());
      if (open == nullptr) return 100;
      // By turns it is shown and hidden. Each time it is listed more than once, so that the kernel remembers it.
      for (int turn = 0; turn < 4; ++turn) {
        for (int i = 0; i < 3; ++i) {
          ::rewinddir(open);
          bool shown = false;
          while (const struct dirent* entry = ::readdir(open)) shown = shown || std::string(entry->d_name) == "inner";
          if (shown != (turn % 2 == 0)) return 1 + turn;
        }
        char byte = 0;
        if (::write(said[1], &byte, 1) != 1 || ::read(go_on[0], &byte, 1) != 1) return 101;
      }
      return 0;
    });
    ::close(said[1]);  // where it came to nothing, nobody waits for it
  });
  for (int turn = 0; turn < 4; ++turn) {
    char byte = 0;
    if (::read(said[0], &byte, 1) != 1) break;
    std::vector<core::WrittenRule> written;
    if (turn % 2 == 0) written.push_back({"inner", with(Effect::kHide)});
    wire::Hello hello;
    hello.kind = wire::HelloKind::kReload;
    hello.name = view.answer().text;
    hello.rules = std::get<core::Rules>(core::compile(written));
    EXPECT_EQ(LiveService::ask(service.connect(0).get(), hello).error, 0);
    ::usleep(50'000);  // what the kernel remembers it is told to forget after the answer
    EXPECT_EQ(::write(go_on[1], &byte, 1), 1);
  }
  user.join();
  EXPECT_EQ(wrong, 0);
  for (const int fd : {said[0], go_on[0], go_on[1]}) ::close(fd);
}
TEST_F(RuledView, NoMoreNamesThanARuleAllows) {
  EXPECT_EQ(opens("few/a", O_RDWR | O_CREAT), 0);
  EXPECT_EQ(of("few/b", [](const char* path) { return ::mkdir(path, 0700); }), 0);
  EXPECT_EQ(opens("few/c", O_RDWR | O_CREAT), EDQUOT);
  EXPECT_EQ(of("few/c", [](const char* path) { return ::symlink("x", path); }), EDQUOT);
  EXPECT_EQ(of("few/a", ::unlink), 0);
  EXPECT_EQ(opens("few/c", O_RDWR | O_CREAT), EDQUOT);  // in the life of the view
  EXPECT_FALSE(in_source("few/c"));
  EXPECT_EQ(opens("plain-dir/c", O_RDWR | O_CREAT), 0);
}

}  // namespace
}  // namespace sluice::adversary
