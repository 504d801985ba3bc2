// What a worker under an attacker's control asks of the broker, and does not get.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "core/reason_text.h"
#include "hostile_worker.h"

namespace sluice::adversary {
namespace {

using core::Reason;
using wire::BrokerOp;
using wire::kOpenRead;
using wire::kOpenTruncate;
using wire::kOpenWrite;
using enum HostileWorker::Channel;

class BrokerAttack : public ::testing::Test {
 protected:
  BrokerAttack() {
    tree.write(tree.path("plain"), "plain");
    tree.write(tree.path("secret.key"), "secret");
    tree.write(tree.outside("canary"), "canary");
    EXPECT_EQ(::mkdir(tree.path("dir").c_str(), 0755), 0);
    EXPECT_EQ(::chown(tree.path("dir").c_str(), kUser, kUser), 0);
    tree.write(tree.path("dir/inner"), "inner");
  }

  void refused(const Reply& reply, int error, Reason reason) {
    EXPECT_EQ(reply.error, error) << std::string(core::reason_name(reply.reason));
    EXPECT_EQ(core::reason_name(reply.reason), core::reason_name(reason));
    EXPECT_EQ(reply.body.backing_id, 0);
  }

  Tree tree;
};

// The way that is open, so that the refusals below mean something.
TEST_F(BrokerAttack, AnHonestRequestIsGranted) {
  HostileWorker worker(tree, false, {"*.key"});
  const Reply reply = worker.open(kReadWrite, "plain", kOpenRead | kOpenWrite, tree.path("plain"));
  EXPECT_EQ(reply.error, 0);
  EXPECT_GT(reply.body.backing_id, 0);
  // One inode, one id.
  const Reply again = worker.open(kReadWrite, "plain", kOpenRead, tree.path("plain"));
  EXPECT_EQ(again.body.backing_id, reply.body.backing_id);
  EXPECT_EQ(again.body.grant, reply.body.grant);
}

TEST_F(BrokerAttack, HiddenFiles) {
  HostileWorker worker(tree, false, {"*.key", "/dir/"});
  refused(worker.open(kReadWrite, "secret.key", kOpenRead, tree.path("secret.key")), ENOENT, Reason::kHidden);
  refused(worker.open(kReadOnly, "secret.key", kOpenRead, tree.path("secret.key")), ENOENT, Reason::kHidden);
  // Below a hidden directory, and by no other request either.
  refused(worker.open(kReadWrite, "dir/inner", kOpenRead, tree.path("dir/inner")), ENOENT, Reason::kHidden);
  wire::BrokerRequest request{};
  request.op = BrokerOp::kTruncatePath;
  refused(worker.ask(kReadWrite, request, "secret.key"), ENOENT, Reason::kHidden);
  request = {};
  request.op = BrokerOp::kOpenTemp;
  request.mode = 0600;
  refused(worker.ask(kReadWrite, request, "dir"), ENOENT, Reason::kHidden);
}

TEST_F(BrokerAttack, HiddenNameForANamelessFile) {
  HostileWorker worker(tree, false, {"*.key"});
  wire::BrokerRequest request{};
  request.op = BrokerOp::kOpenTemp;
  request.mode = 0600;
  const Reply temp = worker.ask(kReadWrite, request, "dir");
  ASSERT_EQ(temp.error, 0);
  request = {};
  request.op = BrokerOp::kLinkNameless;
  request.grant = temp.body.grant;
  tree.mean_directory(request, "dir/new");
  refused(worker.ask(kReadWrite, request, "dir/new.key"), EACCES, Reason::kHidden);
  EXPECT_EQ(worker.ask(kReadWrite, request, "dir/new").error, 0);
  EXPECT_EQ(::access(tree.path("dir/new").c_str(), F_OK), 0);
}

// An honest worker sends no such path: what does is not served any longer.
TEST_F(BrokerAttack, PathsThatLeaveTheRoot) {
  const std::string canary = tree.outside("canary");
  using namespace std::string_view_literals;
  for (const std::string_view path :
       {"../outside/canary"sv, "dir/../../outside/canary"sv, "/etc/passwd"sv, "dir//inner"sv, "./plain"sv,
        "plain/"sv, "/"sv, ".."sv, "."sv, "plain\0x"sv}) {
    HostileWorker worker(tree, false);
    const Reply reply = worker.open(kReadWrite, path, kOpenRead, canary);
    EXPECT_EQ(reply.error, -1) << path;
    EXPECT_EQ(reply.body.backing_id, 0);
  }
  HostileWorker worker(tree, false);
  EXPECT_EQ(worker.open(kReadWrite, std::string(4096, 'a'), kOpenRead, canary).error, -1);
}

TEST_F(BrokerAttack, LinksAndMounts) {
  ASSERT_EQ(::symlink("../outside/canary", tree.path("link").c_str()), 0);
  ASSERT_EQ(::symlink("../outside", tree.path("dirlink").c_str()), 0);
  ASSERT_EQ(::symlink("/proc/self/root/etc/passwd", tree.path("magic").c_str()), 0);
  ASSERT_EQ(::mkdir(tree.path("mounted").c_str(), 0755), 0);
  ASSERT_EQ(::mount("tmpfs", tree.path("mounted").c_str(), "tmpfs", 0, ""), 0);
  tree.write(tree.path("mounted/file"), "other filesystem");
  {
    HostileWorker worker(tree, false);
    const std::string canary = tree.outside("canary");
    for (const char* path : {"link", "dirlink/canary", "magic"}) {
      refused(worker.open(kReadWrite, path, kOpenRead, canary), ELOOP, Reason::kOutsideRoot);
    }
    refused(worker.open(kReadWrite, "mounted/file", kOpenRead, tree.path("mounted/file")), EXDEV,
            Reason::kOutsideRoot);
  }
  ASSERT_EQ(::umount2(tree.path("mounted").c_str(), MNT_DETACH), 0);
}

TEST_F(BrokerAttack, NotRegularFiles) {
  ASSERT_EQ(::mkfifo(tree.path("fifo").c_str(), 0666), 0);
  ASSERT_EQ(::mknod(tree.path("null").c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
  HostileWorker worker(tree, false);
  refused(worker.open(kReadWrite, "fifo", kOpenRead, tree.path("fifo")), EINVAL, Reason::kNotRegular);
  refused(worker.open(kReadOnly, "fifo", kOpenRead, tree.path("fifo")), EINVAL, Reason::kNotRegular);
  EXPECT_EQ(worker.open(kReadWrite, "null", kOpenRead, tree.path("null")).error, EACCES);  // nodev
  EXPECT_EQ(worker.open(kReadOnly, "dir", kOpenRead, tree.path("dir")).error, EACCES);  // Landlock
  refused(worker.open(kReadOnly, "", kOpenRead, tree.path("dir")), EISDIR, Reason::kNotRegular);
}

TEST_F(BrokerAttack, AnotherFileThanTheOneNamed) {
  HostileWorker worker(tree, false);
  refused(worker.open(kReadWrite, "plain", kOpenRead, tree.path("secret.key")), ESTALE, Reason::kNotSameFile);
  refused(worker.open(kReadWrite, "plain", kOpenRead | kOpenWrite | kOpenTruncate, tree.path("secret.key")),
          ESTALE, Reason::kNotSameFile);
  struct stat stat;
  ASSERT_EQ(::stat(tree.path("plain").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_size, 5) << "truncated before it was checked";
}

TEST_F(BrokerAttack, WritingWhereOnlyReadingIsAllowed) {
  HostileWorker read_only(tree, true);
  for (const auto channel : {kReadWrite, kReadOnly}) {
    refused(read_only.open(channel, "plain", kOpenWrite, tree.path("plain")), EROFS, Reason::kReadOnlyView);
  }
  wire::BrokerRequest request{};
  request.op = BrokerOp::kTruncatePath;
  refused(read_only.ask(kReadWrite, request, "plain"), EROFS, Reason::kReadOnlyView);
  request.op = BrokerOp::kOpenTemp;
  refused(read_only.ask(kReadWrite, request, "dir"), EROFS, Reason::kReadOnlyView);

  HostileWorker worker(tree, false);
  refused(worker.open(kReadOnly, "plain", kOpenWrite, tree.path("plain")), EROFS, Reason::kReadOnlyView);
  // Another user's file, readable and no more.
  ASSERT_EQ(::chown(tree.path("plain").c_str(), 0, 0), 0);
  EXPECT_EQ(worker.open(kReadWrite, "plain", kOpenWrite, tree.path("plain")).error, EACCES);
  const Reply reply = worker.open(kReadWrite, "plain", kOpenRead, tree.path("plain"));
  EXPECT_EQ(reply.body.use_read_only, 1u) << "granted by the thread that may write";
  EXPECT_EQ(reply.body.backing_id, 0);
  ASSERT_EQ(::chmod(tree.path("plain").c_str(), 0600), 0);
  EXPECT_EQ(worker.open(kReadOnly, "plain", kOpenRead, tree.path("plain")).error, EACCES);
}

TEST_F(BrokerAttack, ImmutableAndAppendOnlyFiles) {
  for (const int flag : {FS_IMMUTABLE_FL, FS_APPEND_FL}) {
    const os::Fd fd(::open(tree.path("plain").c_str(), O_RDONLY | O_CLOEXEC));
    int flags = flag;
    if (::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags) != 0) {
      ADD_FAILURE() << "TMPDIR must be on a filesystem with inode flags";
      return;
    }
    HostileWorker worker(tree, false);
    EXPECT_EQ(worker.open(kReadWrite, "plain", kOpenWrite, tree.path("plain")).error, EPERM);
    // Readable, but never from where a later open could write.
    EXPECT_EQ(worker.open(kReadWrite, "plain", kOpenRead, tree.path("plain")).body.use_read_only, 1u);
    EXPECT_GT(worker.open(kReadOnly, "plain", kOpenRead, tree.path("plain")).body.backing_id, 0);
    flags = 0;
    ASSERT_EQ(::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags), 0);
  }
}

TEST_F(BrokerAttack, GrantsThatAreNotThere) {
  HostileWorker worker(tree, false);
  const Reply reply = worker.open(kReadWrite, "plain", kOpenRead, tree.path("plain"));
  ASSERT_EQ(reply.error, 0);
  wire::BrokerRequest close{};
  close.op = BrokerOp::kClose;
  close.grant = reply.body.grant;
  std::vector<uint8_t> bytes(reinterpret_cast<uint8_t*>(&close), reinterpret_cast<uint8_t*>(&close + 1));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(worker.send(kReadWrite, bytes));  // one time too many, twice
  for (const auto op : {BrokerOp::kSync, BrokerOp::kTruncate, BrokerOp::kAllocate, BrokerOp::kSeek,
                        BrokerOp::kStat, BrokerOp::kChange, BrokerOp::kCopy}) {
    for (const uint64_t grant : {reply.body.grant, uint64_t{0}, uint64_t{1}, ~uint64_t{0}, uint64_t{63}}) {
      wire::BrokerRequest request{};
      request.op = op;
      request.mode = op == BrokerOp::kSeek ? SEEK_DATA : 0;
      request.grant = grant;
      refused(worker.ask(kReadWrite, request), EBADF, Reason::kGrantUnknown);
    }
  }
  // A recycled slot has another id.
  const Reply next = worker.open(kReadWrite, "plain", kOpenRead, tree.path("plain"));
  EXPECT_NE(next.body.grant, reply.body.grant);
}

TEST_F(BrokerAttack, WritingThroughAGrantForReading) {
  HostileWorker worker(tree, false);
  const Reply reply = worker.open(kReadWrite, "plain", kOpenRead, tree.path("plain"));
  wire::BrokerRequest request{};
  request.op = BrokerOp::kTruncate;
  request.grant = reply.body.grant;
  refused(worker.ask(kData, request), EBADF, Reason::kGrantNotWritable);
  request.op = BrokerOp::kChange;
  request.flags = wire::kChangeMode;
  refused(worker.ask(kData, request), EBADF, Reason::kGrantNotWritable);
}

TEST_F(BrokerAttack, MoreGrantsThanAllowed) {
  constexpr uint32_t kMost = 8;
  for (int i = 0; i < 12; ++i) tree.write(tree.path("f" + std::to_string(i)), "x");
  HostileWorker worker(tree, false, {}, kMost);
  for (int i = 0; i < 12; ++i) {
    const std::string name = "f" + std::to_string(i);
    const Reply reply = worker.open(kReadWrite, name, kOpenRead, tree.path(name));
    if (i < static_cast<int>(kMost)) {
      EXPECT_EQ(reply.error, 0);
    } else {
      refused(reply, ENFILE, Reason::kLimitGrants);
    }
  }
}

TEST_F(BrokerAttack, MalformedMessagesEndTheConnection) {
  wire::BrokerRequest good{};
  good.op = BrokerOp::kSync;
  const auto bytes_of = [](const wire::BrokerRequest& request) {
    return std::vector<uint8_t>(reinterpret_cast<const uint8_t*>(&request),
                                reinterpret_cast<const uint8_t*>(&request + 1));
  };
  std::vector<std::vector<uint8_t>> messages = {{1}, std::vector<uint8_t>(4095, 0xff),
                                                std::vector<uint8_t>(8192, 0)};
  messages.push_back(bytes_of(good));
  messages.back().pop_back();
  messages.push_back(bytes_of(good));
  messages.back().push_back(0);
  for (const uint32_t op : {0u, static_cast<uint32_t>(BrokerOp::kMakeDevice) + 1, ~0u}) {
    wire::BrokerRequest bad = good;
    bad.op = static_cast<BrokerOp>(op);
    messages.push_back(bytes_of(bad));
  }
  wire::BrokerRequest negative = good;
  negative.length = -1;
  messages.push_back(bytes_of(negative));
  wire::BrokerRequest long_path = good;
  long_path.path_length = ~0u;
  messages.push_back(bytes_of(long_path));
  for (const auto& message : messages) {
    HostileWorker worker(tree, false);
    ASSERT_TRUE(worker.send(kData, message));
    for (int i = 0; i < 200 && worker.broker_lives(); ++i) ::usleep(10000);
    EXPECT_FALSE(worker.broker_lives()) << "message of " << message.size() << " bytes";
  }
}

// Another user swaps what a name leads to between any two steps. The canary outside, and the hidden
// file, must never be granted.
TEST_F(BrokerAttack, RacesWithTheSourceTree) {
  ASSERT_EQ(::mkdir(tree.path("hidden").c_str(), 0755), 0);
  tree.write(tree.path("hidden/inner"), "hidden");
  ASSERT_EQ(::symlink("../outside", tree.path("swap").c_str()), 0);
  HostileWorker worker(tree, false, {"/hidden/"});
  std::atomic<bool> stop{false};
  std::thread swapper([&] {
    while (!stop) {
      ::syscall(SYS_renameat2, AT_FDCWD, tree.path("swap").c_str(), AT_FDCWD, tree.path("dir").c_str(),
                RENAME_EXCHANGE);
    }
  });
  int granted = 0;
  int refusals = 0;
  for (int i = 0; i < 20000; ++i) {
    // Claims the canary: only a broker that left the root could find it under that name.
    if (worker.open(kReadWrite, "dir/canary", kOpenRead, tree.outside("canary")).error == 0) ++granted;
    if (worker.open(kReadWrite, "hidden/inner", kOpenRead, tree.path("hidden/inner")).error == 0) ++granted;
    if (worker.open(kReadWrite, "dir/inner", kOpenRead, tree.path("dir/inner")).error != 0) ++refusals;
  }
  stop = true;
  swapper.join();
  EXPECT_EQ(granted, 0);
  EXPECT_GT(refusals, 0) << "the race was never hit: the test shows nothing";
  EXPECT_TRUE(worker.broker_lives());
}

}  // namespace
}  // namespace sluice::adversary

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (::geteuid() != 0 || ::access("/dev/fuse", R_OK | W_OK) != 0) {
    const char* required = std::getenv("SLUICE_REQUIRE_ALL");
    std::printf("SKIPPED adversary: needs root and /dev/fuse\n");
    return required != nullptr && *required == '1' ? 1 : 77;
  }
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return 1;
  }
  return RUN_ALL_TESTS();
}
