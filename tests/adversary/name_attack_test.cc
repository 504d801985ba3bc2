// Names that a worker under an attacker's control wants moved, linked, made or removed: by its name a
// file is hidden or not, so whoever moves names past the rules needs no grant past them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "core/compiler.h"
#include "core/reason_text.h"
#include "hostile_worker.h"
#include "os/file.h"

namespace sluice::adversary {
namespace {

using core::Effect;
using core::Reason;
using core::Rule;
using wire::BrokerOp;
using wire::kRenameExchange;
using enum HostileWorker::Channel;

Rule with(Effect effect, uint64_t value = 0) { return {effect, false, value}; }

class NameAttack : public ::testing::Test {
 protected:
  NameAttack() {
    for (const char* name : {"dir", "hidden", "fixed-dir", "holder", "empty", "denied-dir"}) directory(name);
    for (const char* name : {"plain", "other", "secret.key", "dir/inner", "dir/secret.key", "hidden/inner",
                             "fixed", "fixed-dir/inner", "denied", "owned"}) {
      tree.write(tree.path(name), name);
    }
    tree.write(tree.outside("canary"), "canary");
    start(false);
  }
  void start(bool read_only, const std::vector<HostileWorker::Graft>& grafts = {}) {
    const core::WrittenRule written[] = {
        {"*.key", with(Effect::kHide)},      {"/hidden/", with(Effect::kHide)},
        {"fixed*", with(Effect::kReadOnly)}, {"denied*", with(Effect::kDeny, EDOM)},
        {"owned", with(Effect::kOwner, 7)},  {"/holder/*.log", with(Effect::kHide)},
        {"told*", with(Effect::kReadOnly)},  {"told/", {Effect::kHide, true}},
    };
    worker = std::make_unique<HostileWorker>(tree.path(), read_only,
                                             std::get<core::Rules>(core::compile(written)), 64, false,
                                             grafts);
  }
  void directory(const std::string& name) {
    EXPECT_EQ(::mkdir(tree.path(name).c_str(), 0755), 0);
    EXPECT_EQ(::chown(tree.path(name).c_str(), kUser, kUser), 0);
  }
  bool exists(const std::string& name) const {
    return ::faccessat(AT_FDCWD, tree.path(name).c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  }
  bool same(const std::string& a, const std::string& b) const {
    struct stat one, two;
    return ::lstat(tree.path(a).c_str(), &one) == 0 && ::lstat(tree.path(b).c_str(), &two) == 0 &&
           one.st_ino == two.st_ino;
  }
  // The directory that a path is in, unless the test says that the worker means another.
  os::Stat directory_of(const std::string& path) const {
    const size_t slash = path.rfind('/');
    const std::string directory = meant.empty() ? path.substr(0, slash == std::string::npos ? 0 : slash) : meant;
    const os::Fd fd(::open(tree.path(directory).c_str(), O_PATH | O_CLOEXEC));
    const auto held = os::stat_held(fd.get());
    return held.ok() ? *held : os::Stat{};
  }
  void say_first(wire::BrokerRequest& request, const os::Stat& stat) const {
    request.dev = os::dev_of(stat);
    request.ino = stat.stx_ino;
  }
  void say_second(wire::BrokerRequest& request, const os::Stat& stat) const {
    request.dev2 = os::dev_of(stat);
    request.ino2 = stat.stx_ino;
  }
  Reply rename(const std::string& from, const std::string& to, uint32_t flags = 0,
               HostileWorker::Channel channel = kReadWrite) {
    wire::BrokerRequest request{};
    request.op = BrokerOp::kRename;
    request.flags = flags;
    say_first(request, directory_of(from));
    say_second(request, directory_of(to));
    return worker->ask(channel, request, from, to);
  }
  // claimed: the file that the worker says it means.
  Reply link(const std::string& from, const std::string& to, const std::string& claimed) {
    struct stat stat {};
    EXPECT_EQ(::lstat(claimed.c_str(), &stat), 0) << claimed;
    const os::Fd fd(::open(claimed.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    const auto held = os::stat_held(fd.get());
    wire::BrokerRequest request{};
    request.op = BrokerOp::kLink;
    say_first(request, *held);
    say_second(request, directory_of(to));
    return worker->ask(kReadWrite, request, from, to);
  }
  Reply link(const std::string& from, const std::string& to) { return link(from, to, tree.path(from)); }
  Reply remove(const std::string& path, bool is_directory = false,
               HostileWorker::Channel channel = kReadWrite) {
    wire::BrokerRequest request{};
    request.op = BrokerOp::kRemove;
    request.flags = is_directory ? wire::kRemoveDirectory : 0;
    say_first(request, directory_of(path));
    return worker->ask(channel, request, path);
  }
  Reply symlink(const std::string& path, HostileWorker::Channel channel = kReadWrite) {
    wire::BrokerRequest request{};
    request.op = BrokerOp::kSymlink;
    say_first(request, directory_of(path));
    return worker->ask(channel, request, path, "../outside/canary");
  }
  void refused(const Reply& reply, int error, Reason reason) {
    EXPECT_EQ(reply.error, error);
    EXPECT_EQ(core::reason_name(reply.reason), core::reason_name(reason));
  }

  Tree tree;
  std::unique_ptr<HostileWorker> worker;
  std::string meant;  // the directory that the worker means; empty: the right one
};

// The ways that are open, so that the refusals below mean something.
TEST_F(NameAttack, WhatNoRuleIsAbout) {
  EXPECT_EQ(rename("plain", "dir/moved").error, 0);
  EXPECT_TRUE(exists("dir/moved") && !exists("plain"));
  EXPECT_EQ(rename("dir", "empty/dir").error, 0);
  EXPECT_EQ(link("other", "linked").error, 0);
  EXPECT_TRUE(same("other", "linked"));
  EXPECT_EQ(rename("other", "empty", kRenameExchange).error, 0);
  EXPECT_EQ(symlink("pointing").error, 0);
  EXPECT_EQ(link("pointing", "pointing-too").error, 0);
  EXPECT_TRUE(same("pointing", "pointing-too"));
  EXPECT_EQ(remove("linked").error, 0);
  EXPECT_FALSE(exists("linked"));
  directory("going");
  EXPECT_EQ(remove("going", true).error, 0);
  EXPECT_FALSE(exists("going"));
}

TEST_F(NameAttack, NothingHiddenIsRenamed) {
  refused(rename("secret.key", "plain-name"), ENOENT, Reason::kHidden);
  refused(rename("secret.key", "plain"), ENOENT, Reason::kHidden);
  refused(rename("secret.key", "plain", kRenameExchange), ENOENT, Reason::kHidden);
  refused(rename("hidden", "plain-name"), ENOENT, Reason::kHidden);
  refused(rename("hidden/inner", "plain-name"), ENOENT, Reason::kHidden);
  refused(rename("secret.key", "another.key"), ENOENT, Reason::kHidden);
  EXPECT_TRUE(exists("secret.key") && exists("hidden/inner") && !exists("plain-name"));
}
TEST_F(NameAttack, NothingIsRenamedToAHiddenName) {
  refused(rename("plain", "new.key"), EACCES, Reason::kHidden);
  refused(rename("plain", "hidden/new"), EACCES, Reason::kHidden);
  refused(rename("plain", "hidden"), EACCES, Reason::kHidden);
  refused(rename("plain", "secret.key"), EACCES, Reason::kHidden);
  refused(rename("plain", "secret.key", kRenameExchange), EACCES, Reason::kHidden);
  EXPECT_TRUE(same("plain", "plain") && !exists("new.key") && !exists("hidden/new"));
}
// Of what is moved the other way, too.
TEST_F(NameAttack, NothingHiddenIsExchanged) {
  refused(rename("empty", "hidden", kRenameExchange), EACCES, Reason::kHidden);
  EXPECT_EQ(rename("plain", "fixed", kRenameExchange).error, EROFS);
  EXPECT_EQ(rename("plain", "owned", kRenameExchange).error, EXDEV);
  // The directory that comes holds what would be seen in the other's place.
  tree.write(tree.path("holder/x.log"), "log");
  EXPECT_EQ(rename("empty", "holder", kRenameExchange).error, EXDEV);
  EXPECT_EQ(rename("plain", "holder", kRenameExchange).error, EXDEV);
  EXPECT_TRUE(exists("holder/x.log"));
}
TEST_F(NameAttack, NoDirectoryGoesToWhereMoreOfItIsSeen) {
  tree.write(tree.path("holder/x.log"), "log");
  refused(rename("holder", "elsewhere"), EXDEV, Reason::kOtherRules);
  EXPECT_TRUE(exists("holder/x.log"));
}
TEST_F(NameAttack, NothingIsRenamedPastARule) {
  refused(rename("fixed", "plain-name"), EROFS, Reason::kReadOnlyRule);
  refused(rename("plain", "fixed-name"), EROFS, Reason::kReadOnlyRule);
  refused(rename("plain", "fixed"), EROFS, Reason::kReadOnlyRule);
  refused(rename("plain", "fixed-dir/new"), EROFS, Reason::kReadOnlyRule);
  refused(rename("denied", "plain-name"), EDOM, Reason::kDenied);
  refused(rename("owned", "plain-name"), EXDEV, Reason::kOtherRules);
  refused(rename("plain", "owned"), EXDEV, Reason::kOtherRules);
  EXPECT_FALSE(exists("plain-name") || exists("fixed-name"));
}

TEST_F(NameAttack, NothingHiddenIsLinked) {
  refused(link("secret.key", "plain-name"), ENOENT, Reason::kHidden);
  refused(link("hidden/inner", "plain-name"), ENOENT, Reason::kHidden);
  refused(link("plain", "new.key"), EACCES, Reason::kHidden);
  refused(link("plain", "hidden/new"), EACCES, Reason::kHidden);
  EXPECT_FALSE(exists("plain-name") || exists("new.key") || exists("hidden/new"));
}
TEST_F(NameAttack, NothingIsLinkedPastARule) {
  refused(link("fixed", "plain-name"), EXDEV, Reason::kOtherRules);
  refused(link("denied", "plain-name"), EXDEV, Reason::kOtherRules);
  refused(link("owned", "plain-name"), EXDEV, Reason::kOtherRules);
  refused(link("plain", "fixed-name"), EROFS, Reason::kReadOnlyRule);
  EXPECT_FALSE(exists("plain-name") || exists("fixed-name"));
}
TEST_F(NameAttack, NoOtherFileThanTheOneNamedIsLinked) {
  refused(link("plain", "plain-name", tree.path("other")), ESTALE, Reason::kNotSameFile);
  refused(link("plain", "plain-name", tree.outside("canary")), ESTALE, Reason::kNotSameFile);
  refused(link("absent", "plain-name", tree.path("plain")), ESTALE, Reason::kNotSameFile);
  EXPECT_FALSE(exists("plain-name"));
}

TEST_F(NameAttack, NothingHiddenIsRemoved) {
  refused(remove("secret.key"), ENOENT, Reason::kHidden);
  refused(remove("hidden/inner"), ENOENT, Reason::kHidden);
  ASSERT_EQ(::unlink(tree.path("hidden/inner").c_str()), 0);
  refused(remove("hidden", true), ENOENT, Reason::kHidden);
  EXPECT_TRUE(exists("secret.key") && exists("hidden"));
}
TEST_F(NameAttack, NothingThatARuleKeepsIsRemoved) {
  refused(remove("fixed"), EROFS, Reason::kReadOnlyRule);
  refused(remove("fixed-dir/inner"), EROFS, Reason::kReadOnlyRule);
  refused(remove("denied"), EDOM, Reason::kDenied);
  refused(remove("denied-dir", true), EDOM, Reason::kDenied);
  EXPECT_TRUE(exists("fixed") && exists("fixed-dir/inner") && exists("denied") && exists("denied-dir"));
}
// A link in a directory that a rule keeps could lead to what the attacker writes.
TEST_F(NameAttack, NoSymbolicLinkWhereNothingCanBeMade) {
  refused(symlink("new.key"), EACCES, Reason::kHidden);
  refused(symlink("hidden/new"), EACCES, Reason::kHidden);
  refused(symlink("fixed-dir/new"), EROFS, Reason::kReadOnlyRule);
  refused(symlink("denied-dir/new"), EDOM, Reason::kDenied);
  EXPECT_FALSE(exists("new.key") || exists("hidden/new") || exists("fixed-dir/new") || exists("denied-dir/new"));
}

// A directory that was moved behind the view and replaced: what is there now is not what was meant.
TEST_F(NameAttack, NothingInAnotherDirectoryThanTheOneMeant) {
  meant = "empty";
  refused(rename("dir/inner", "dir/moved"), ESTALE, Reason::kNotSameFile);
  refused(remove("dir/inner"), ESTALE, Reason::kNotSameFile);
  refused(symlink("dir/pointing"), ESTALE, Reason::kNotSameFile);
  refused(link("plain", "dir/linked"), ESTALE, Reason::kNotSameFile);
  EXPECT_TRUE(exists("dir/inner"));
  EXPECT_FALSE(exists("dir/moved") || exists("dir/pointing") || exists("dir/linked"));
}
TEST_F(NameAttack, NeitherOfTheDirectoriesOfARename) {
  wire::BrokerRequest request{};
  request.op = BrokerOp::kRename;
  say_first(request, directory_of("dir/inner"));
  say_second(request, directory_of("dir/inner"));
  refused(worker->ask(kReadWrite, request, "dir/inner", "empty/inner"), ESTALE, Reason::kNotSameFile);
  EXPECT_TRUE(exists("dir/inner"));
}

// As one without a name a file gets the first: not any that has been granted for writing, whose name may
// be hidden by now.
TEST_F(NameAttack, NothingThatHasANameGetsOneAsIfItHadNone) {
  const Reply granted = worker->open(kReadWrite, "owned", wire::kOpenRead | wire::kOpenWrite, tree.path("owned"));
  ASSERT_EQ(granted.error, 0);
  wire::BrokerRequest request{};
  request.op = BrokerOp::kLinkNameless;
  request.grant = granted.body.grant;
  say_first(request, directory_of("plain-name"));
  refused(worker->ask(kReadWrite, request, "plain-name"), EPERM, Reason::kNotSameFile);
  EXPECT_FALSE(exists("plain-name"));
}

// What a graft covers would be found by another path.
TEST_F(NameAttack, NothingThatLeadsToAGraftIsRenamed) {
  directory("dir/graft");
  tree.write(tree.path("dir/graft/covered"), "covered");
  start(false, {{"dir/graft", tree.outside("")}});
  EXPECT_EQ(worker->open(kReadWrite, "dir/graft/covered", wire::kOpenRead, tree.path("dir/graft/covered")).error, ENOENT);
  refused(rename("dir", "elsewhere"), EBUSY, Reason::kGraftPlace);
  refused(rename("empty", "dir", kRenameExchange), EBUSY, Reason::kGraftPlace);
  refused(rename("dir/graft", "elsewhere"), EBUSY, Reason::kGraftPlace);
  refused(remove("dir/graft", true), EBUSY, Reason::kGraftPlace);
  EXPECT_TRUE(exists("dir/graft/covered"));
}

// A hidden directory is told from an absent one by no answer of a rename onto it.
TEST_F(NameAttack, NoRenameTellsOfAHiddenDirectory) {
  refused(rename("plain", "told"), EACCES, Reason::kHidden);
  directory("told");
  refused(rename("plain", "told"), EACCES, Reason::kHidden);
  worker.reset();
  ASSERT_EQ(::mount("tmpfs", tree.path("told").c_str(), "tmpfs", 0, ""), 0);
  start(false);
  refused(rename("plain", "told"), EACCES, Reason::kHidden);
  worker.reset();
  ASSERT_EQ(::umount2(tree.path("told").c_str(), MNT_DETACH), 0);
}
TEST_F(NameAttack, NothingAbsentIsRenamed) {
  EXPECT_EQ(rename("absent", "plain-name").error, ENOENT);
  EXPECT_EQ(rename("plain", "absent", kRenameExchange).error, ENOENT);
}

// Neither through a link nor past a mount, nor of the root itself.
TEST_F(NameAttack, NothingOutsideTheTree) {
  ASSERT_EQ(::symlink("../outside", tree.path("dirlink").c_str()), 0);
  ASSERT_EQ(::mount("tmpfs", tree.path("empty").c_str(), "tmpfs", 0, ""), 0);
  start(false);
  EXPECT_EQ(rename("dirlink/canary", "plain-name").error, ELOOP);
  EXPECT_EQ(rename("plain", "dirlink/new").error, ELOOP);
  EXPECT_EQ(link("dirlink/canary", "plain-name", tree.outside("canary")).error, ELOOP);
  EXPECT_EQ(remove("dirlink/canary").error, ELOOP);
  EXPECT_EQ(symlink("dirlink/new").error, ELOOP);
  EXPECT_EQ(rename("plain", "empty/new").error, EXDEV);
  EXPECT_EQ(symlink("empty/new").error, EXDEV);
  EXPECT_EQ(remove("empty", true).error, EXDEV);
  for (const char* path : {"", "dir"}) {
    EXPECT_EQ(rename("", path).error, path[0] == 0 ? -1 : EBUSY);  // without a second it is no request
    start(false);
  }
  refused(remove("", true), EBUSY, Reason::kGraftPlace);
  EXPECT_EQ(::access(tree.outside("canary").c_str(), F_OK), 0);
  EXPECT_NE(::access(tree.outside("new").c_str(), F_OK), 0);
  worker.reset();
  ASSERT_EQ(::umount2(tree.path("empty").c_str(), MNT_DETACH), 0);
}

TEST_F(NameAttack, NothingFromTheReadOnlyThread) {
  refused(rename("plain", "plain-name", 0, kReadOnly), EROFS, Reason::kReadOnlyView);
  refused(remove("plain", false, kReadOnly), EROFS, Reason::kReadOnlyView);
  refused(symlink("plain-name", kReadOnly), EROFS, Reason::kReadOnlyView);
  EXPECT_TRUE(exists("plain") && !exists("plain-name"));
}
TEST_F(NameAttack, NothingInAReadOnlyView) {
  start(true);
  for (const auto channel : {kReadWrite, kReadOnly, kData}) {
    EXPECT_EQ(rename("plain", "plain-name", 0, channel).error, EROFS);
    EXPECT_EQ(remove("plain", false, channel).error, EROFS);
    EXPECT_EQ(symlink("plain-name", channel).error, EROFS);
  }
  EXPECT_EQ(link("plain", "plain-name").error, EROFS);
  EXPECT_TRUE(exists("plain") && !exists("plain-name"));
}
// An honest worker sends no such flags: what does is not served any longer.
TEST_F(NameAttack, NoOtherFlags) {
  for (const uint32_t flags : {4u, 8u, ~0u}) {
    start(false);
    EXPECT_EQ(rename("plain", "plain-name", flags).error, -1) << flags;
  }
  EXPECT_FALSE(exists("plain-name"));
}

}  // namespace
}  // namespace sluice::adversary
