// What the broker of a view that keeps every owner does not grant. It may read and write the files
// of all, so that the checks here are the only ones: no permission stands behind them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "hostile_worker.h"

namespace sluice::adversary {
namespace {

using core::Reason;
using wire::BrokerOp;
using wire::kOpenRead;
using wire::kOpenTruncate;
using wire::kOpenWrite;
using enum HostileWorker::Channel;

class PreserveGrant : public ::testing::Test {
 protected:
  PreserveGrant() {
    for (const char* name : {"roots", "secret.key"}) make_roots(tree.path(name));
    make_roots(tree.outside("canary"));
    EXPECT_EQ(::mkdir(tree.path("dir").c_str(), 0700), 0);
  }
  static void make_roots(const std::string& path) {
    std::ofstream(path) << "root's";
    EXPECT_EQ(::chmod(path.c_str(), 0600), 0);
  }
  static std::string content_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // By neither thread, whatever it is to be opened for.
  static void not_granted(HostileWorker& worker, const std::string& path, const std::string& file) {
    for (const auto channel : {kReadWrite, kReadOnly}) {
      for (const uint32_t flags : {kOpenRead, kOpenRead | kOpenWrite, kOpenWrite | kOpenTruncate}) {
        const Reply reply = worker.open(channel, path, flags, file);
        EXPECT_EQ(reply.body.backing_id, 0) << path;
        EXPECT_GT(reply.error, 0) << path;
      }
    }
  }
  static HostileWorker worker_of(const Tree& tree, bool read_only = false) {
    return HostileWorker(tree, read_only, {"*.key"}, 64, true);
  }

  Tree tree;
};

// The power that the others are about.
TEST_F(PreserveGrant, FilesOfEveryOwner) {
  HostileWorker worker = worker_of(tree);
  const Reply reply = worker.open(kReadWrite, "roots", kOpenRead | kOpenWrite, tree.path("roots"));
  EXPECT_EQ(reply.error, 0);
  EXPECT_GT(reply.body.backing_id, 0);
}

TEST_F(PreserveGrant, NothingHidden) {
  HostileWorker worker = worker_of(tree);
  not_granted(worker, "secret.key", tree.path("secret.key"));
  wire::BrokerRequest request{};
  request.op = BrokerOp::kTruncatePath;
  EXPECT_EQ(worker.ask(kReadWrite, request, "secret.key").reason, Reason::kHidden);
  request = {};
  request.op = BrokerOp::kOpenTemp;
  request.mode = 0600;
  const Reply temp = worker.ask(kReadWrite, request, "dir");
  ASSERT_EQ(temp.error, 0);
  request = {};
  request.op = BrokerOp::kLinkNameless;
  request.grant = temp.body.grant;
  tree.mean_directory(request, "dir/new");
  EXPECT_EQ(worker.ask(kReadWrite, request, "dir/new.key").reason, Reason::kHidden);
  EXPECT_EQ(content_of(tree.path("secret.key")), "root's");
}

TEST_F(PreserveGrant, NothingOutside) {
  ASSERT_EQ(::symlink("../outside/canary", tree.path("link").c_str()), 0);
  ASSERT_EQ(::symlink("../outside", tree.path("dirlink").c_str()), 0);
  ASSERT_EQ(::symlink("/proc/self/root/etc/shadow", tree.path("magic").c_str()), 0);
  ASSERT_EQ(::mkdir(tree.path("mounted").c_str(), 0755), 0);
  ASSERT_EQ(::mount("tmpfs", tree.path("mounted").c_str(), "tmpfs", 0, ""), 0);
  make_roots(tree.path("mounted/file"));
  {
    HostileWorker worker = worker_of(tree);
    for (const char* path : {"link", "dirlink/canary"}) {
      not_granted(worker, path, tree.outside("canary"));
    }
    not_granted(worker, "magic", "/etc/shadow");
    not_granted(worker, "mounted/file", tree.path("mounted/file"));
  }
  EXPECT_EQ(content_of(tree.outside("canary")), "root's");
  ASSERT_EQ(::umount2(tree.path("mounted").c_str(), MNT_DETACH), 0);
}

TEST_F(PreserveGrant, NothingButRegularFiles) {
  ASSERT_EQ(::mkfifo(tree.path("fifo").c_str(), 0600), 0);
  ASSERT_EQ(::mknod(tree.path("memory").c_str(), S_IFCHR | 0600, makedev(1, 1)), 0);
  HostileWorker worker = worker_of(tree);
  for (const char* name : {"fifo", "memory", "dir"}) not_granted(worker, name, tree.path(name));
}

TEST_F(PreserveGrant, NoOtherFileThanTheOneNamed) {
  HostileWorker worker = worker_of(tree);
  not_granted(worker, "roots", tree.path("secret.key"));
  EXPECT_EQ(content_of(tree.path("roots")), "root's") << "truncated before it was checked";
}

TEST_F(PreserveGrant, NothingForWritingInAReadOnlyView) {
  HostileWorker worker = worker_of(tree, true);
  for (const auto channel : {kReadWrite, kReadOnly}) {
    for (const uint32_t flags : {kOpenWrite, kOpenRead | kOpenWrite | kOpenTruncate}) {
      EXPECT_EQ(worker.open(channel, "roots", flags, tree.path("roots")).error, EROFS);
    }
  }
  wire::BrokerRequest request{};
  request.op = BrokerOp::kTruncatePath;
  EXPECT_EQ(worker.ask(kReadWrite, request, "roots").error, EROFS);
  request = {};
  request.op = BrokerOp::kOpenTemp;
  EXPECT_EQ(worker.ask(kReadWrite, request, "dir").error, EROFS);
  EXPECT_EQ(content_of(tree.path("roots")), "root's");
}

// They are so for root too, who alone can change it.
TEST_F(PreserveGrant, NothingImmutableForWriting) {
  const os::Fd fd(::open(tree.path("roots").c_str(), O_RDONLY | O_CLOEXEC));
  for (const int flag : {FS_IMMUTABLE_FL, FS_APPEND_FL}) {
    int flags = flag;
    ASSERT_EQ(::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags), 0) << "TMPDIR has no inode flags";
    HostileWorker worker = worker_of(tree);
    EXPECT_EQ(worker.open(kReadWrite, "roots", kOpenWrite, tree.path("roots")).error, EPERM);
    const Reply reply = worker.open(kReadWrite, "roots", kOpenRead, tree.path("roots"));
    EXPECT_EQ(reply.body.use_read_only, 1u) << "granted from where a later open could write";
    flags = 0;
    EXPECT_EQ(::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags), 0);
  }
}

}  // namespace
}  // namespace sluice::adversary
