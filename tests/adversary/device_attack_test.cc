// What a worker under an attacker's control has made of device nodes, where its view was asked to make them, and where
// it was not. The broker may make any device that there is, and write to every owner's directories: the checks here, its
// filter and its Landlock domain are all that says where, and as what.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "core/compiler.h"
#include "core/limits.h"
#include "core/reason_text.h"
#include "hostile_worker.h"
#include "os/file.h"

namespace sluice::adversary {
namespace {

using core::Effect;
using core::Reason;
using core::Rule;
using wire::BrokerOp;
using enum HostileWorker::Channel;

constexpr uint32_t kNull = 1u << 8 | 3;

class DeviceAttack : public ::testing::Test {
 protected:
  DeviceAttack() {
    for (const char* name : {"dir", "hidden", "fixed-dir"}) EXPECT_EQ(::mkdir(tree.path(name).c_str(), 0700), 0);
    start();
  }
  void start(bool device_nodes = true) {
    const core::WrittenRule written[] = {{"*.key", {Effect::kHide}}, {"/hidden/", {Effect::kHide}},
                                         {"fixed*", {Effect::kReadOnly}}, {"denied*", {Effect::kDeny, false, EDOM}}};
    worker = std::make_unique<HostileWorker>(tree.path(), false, std::get<core::Rules>(core::compile(written)), 64,
                                             true, std::vector<HostileWorker::Graft>(), device_nodes);
  }
  Reply make(const std::string& path, uint32_t mode, uint32_t device = kNull, const std::string& meant = {},
             HostileWorker::Channel channel = kReadWrite) {
    wire::BrokerRequest request{};
    request.op = BrokerOp::kMakeDevice;
    request.mode = mode;
    request.device = device;
    tree.mean_directory(request, meant.empty() ? path : meant);
    return worker->ask(channel, request, path);
  }
  void refused(const Reply& reply, int error, Reason reason) {
    EXPECT_EQ(reply.error, error);
    EXPECT_EQ(core::reason_name(reply.reason), core::reason_name(reason));
    EXPECT_TRUE(worker->broker_lives());
  }
  bool exists(const std::string& name) const {
    return ::faccessat(AT_FDCWD, tree.path(name).c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  }

  Tree tree;
  std::unique_ptr<HostileWorker> worker;
};

// The power that the others are about. It is nobody's until the worker gives it to its maker.
TEST_F(DeviceAttack, WhatIsAskedFor) {
  EXPECT_EQ(make("null", S_IFCHR | 0640).error, 0);
  EXPECT_EQ(make("dir/loop", S_IFBLK | 01600, 7u << 8 | 1).error, 0);
  EXPECT_EQ(make("whiteout", S_IFCHR, 0).error, 0);
  struct stat stat;
  ASSERT_EQ(::lstat(tree.path("null").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode, static_cast<mode_t>(S_IFCHR | 0640));
  EXPECT_EQ(stat.st_rdev, makedev(1, 3));
  EXPECT_GE(stat.st_uid, core::Limits::kFirstPrivateUid);
  ASSERT_EQ(::lstat(tree.path("dir/loop").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode, static_cast<mode_t>(S_IFBLK | 01600));
  EXPECT_EQ(stat.st_rdev, makedev(7, 1));
}

TEST_F(DeviceAttack, NoneWithoutTheOption) {
  start(false);
  for (const uint32_t type : {S_IFCHR, S_IFBLK}) {
    refused(make("null", type | 0666), EPERM, Reason::kDeviceNodes);
    EXPECT_FALSE(exists("null"));
  }
}

TEST_F(DeviceAttack, NothingButDevices) {
  for (const uint32_t mode : {uint32_t{S_IFREG}, uint32_t{S_IFDIR}, uint32_t{S_IFIFO}, uint32_t{S_IFSOCK},
                              uint32_t{S_IFLNK}, 0u, 0xF000u}) {
    refused(make("new", mode | 0644), EINVAL, Reason::kProtocol);
    EXPECT_FALSE(exists("new")) << mode;
  }
}

TEST_F(DeviceAttack, NoSetIdBits) {
  for (const uint32_t bits : {uint32_t{S_ISUID}, uint32_t{S_ISGID}, 1u << 16, 1u << 31}) {
    refused(make("new", S_IFCHR | 0755 | bits), EINVAL, Reason::kProtocol);
    EXPECT_FALSE(exists("new")) << bits;
  }
}

TEST_F(DeviceAttack, NothingWhereARuleForbidsIt) {
  refused(make("new.key", S_IFCHR | 0666), EACCES, Reason::kHidden);
  refused(make("hidden/new", S_IFCHR | 0666), EACCES, Reason::kHidden);
  refused(make("fixed-dir/new", S_IFBLK | 0666), EROFS, Reason::kReadOnlyRule);
  refused(make("fixed-new", S_IFCHR | 0666), EROFS, Reason::kReadOnlyRule);
  refused(make("denied-new", S_IFCHR | 0666), EDOM, Reason::kDenied);
  for (const char* name : {"new.key", "hidden/new", "fixed-dir/new", "fixed-new", "denied-new"}) {
    EXPECT_FALSE(exists(name));
  }
}

TEST_F(DeviceAttack, NothingOutside) {
  ASSERT_EQ(::symlink("../outside", tree.path("dirlink").c_str()), 0);
  ASSERT_EQ(::mkdir(tree.path("mounted").c_str(), 0755), 0);
  ASSERT_EQ(::mount("tmpfs", tree.path("mounted").c_str(), "tmpfs", 0, ""), 0);
  EXPECT_NE(make("dirlink/new", S_IFCHR | 0666).error, 0);
  EXPECT_FALSE(exists("../outside/new"));
  start();  // whose tree has the mount in it
  EXPECT_NE(make("mounted/new", S_IFCHR | 0666).error, 0);
  EXPECT_FALSE(exists("mounted/new"));
  for (const char* path : {"../outside/new", "dir/../../outside/new", "/dev/new", "dir//new", "dir/new/", ".",
                           "dir/..", ""}) {
    const Reply reply = make(path, S_IFCHR | 0666, kNull, "dir/new");
    EXPECT_NE(reply.error, 0) << path;
    if (reply.error < 0) start();
  }
  EXPECT_FALSE(exists("../outside/new"));
  EXPECT_FALSE(exists("dir/new"));
  ASSERT_EQ(::umount2(tree.path("mounted").c_str(), MNT_DETACH), 0);
}

TEST_F(DeviceAttack, NothingInAnotherDirectoryThanTheOneMeant) {
  refused(make("dir/new", S_IFCHR | 0666, kNull, "new"), ESTALE, Reason::kNotSameFile);
  EXPECT_FALSE(exists("dir/new"));
}

TEST_F(DeviceAttack, NothingInThePlaceOfAnother) {
  EXPECT_EQ(make("null", S_IFCHR | 0600).error, 0);
  EXPECT_EQ(make("null", S_IFBLK | 0666, 7u << 8).error, EEXIST);
  EXPECT_EQ(make("dir", S_IFCHR | 0666).error, EEXIST);
  struct stat stat;
  ASSERT_EQ(::lstat(tree.path("null").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode, static_cast<mode_t>(S_IFCHR | 0600));
}

TEST_F(DeviceAttack, NothingByTheReadOnlyChannel) {
  refused(make("new", S_IFCHR | 0666, kNull, {}, kReadOnly), EROFS, Reason::kReadOnlyView);
  EXPECT_FALSE(exists("new"));
}

// Nor is it granted.
TEST_F(DeviceAttack, WhatWasMadeIsNotOpened) {
  ASSERT_EQ(make("null", S_IFCHR | 0666).error, 0);
  for (const auto channel : {kReadWrite, kReadOnly}) {
    EXPECT_GT(worker->open(channel, "null", wire::kOpenRead, tree.path("null")).error, 0);
  }
}

}  // namespace
}  // namespace sluice::adversary
