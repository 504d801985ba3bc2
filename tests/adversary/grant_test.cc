// What a worker under an attacker's control does not get, by whatever way the broker refuses it: here
// it counts only what was granted or changed, so that each layer can be taken away by itself.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "core/limits.h"
#include "core/reason_text.h"
#include "hostile_worker.h"
#include "lying_worker.h"
#include "os/file.h"

namespace sluice::adversary {
namespace {

using core::Reason;
using wire::BrokerOp;
using wire::kOpenRead;
using wire::kOpenTruncate;
using wire::kOpenWrite;
using enum HostileWorker::Channel;

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class GrantAttack : public ::testing::Test {
 protected:
  GrantAttack() {
    tree.write(tree.path("plain"), "plain");
    tree.write(tree.path("secret"), "secret");
    make_directory("dir");
    make_directory("hidden");
    tree.write(tree.path("hidden/inner"), "hidden");
  }
  void make_directory(const std::string& name) {
    EXPECT_EQ(::mkdir(tree.path(name).c_str(), 0755), 0);
    EXPECT_EQ(::chown(tree.path(name).c_str(), kUser, kUser), 0);
  }
  // So many directories below one another from there, and a file in the last: the path of that directory.
  std::string make_far_file(const std::string& from, int steps) {
    std::string path = from;
    os::Fd at(::open(tree.path(from).c_str(), O_PATH | O_CLOEXEC));
    const std::string name(250, 'd');
    for (int i = 0; i < steps; ++i) {
      EXPECT_EQ(::mkdirat(at.get(), name.c_str(), 0755), 0);
      at = os::Fd(::openat(at.get(), name.c_str(), O_PATH | O_CLOEXEC));
      path += "/" + name;
    }
    const os::Fd file(::openat(at.get(), "file", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    const auto stat = os::stat_held(file.get());
    EXPECT_TRUE(stat.ok() && ::fchown(file.get(), kUser, kUser) == 0);
    far_file = {os::dev_of(*stat), stat->stx_ino};
    return path;
  }
  // The file of this name is not granted by this path.
  void not_granted(HostileWorker& worker, std::string_view path, const std::string& file) {
    for (const auto channel : {kReadWrite, kReadOnly}) {
      const Reply reply = worker.open(channel, path, kOpenRead, tree.path(file));
      EXPECT_EQ(reply.body.backing_id, 0) << path;
      EXPECT_NE(reply.error, 0) << path;
    }
  }
  void nothing_written(const std::string& name, const std::string& content) {
    EXPECT_EQ(content_of(tree.path(name)), content);
  }
  // Claims the file of that name, whatever path it is asked for by.
  void claim(wire::BrokerRequest& request, const std::string& name) {
    const os::Fd fd(::open(tree.path(name).c_str(), O_PATH | O_CLOEXEC));
    const auto stat = os::stat_held(fd.get());
    ASSERT_TRUE(stat.ok());
    request.dev = os::dev_of(*stat);
    request.ino = stat->stx_ino;
  }
  static wire::BrokerRequest request_of(BrokerOp op) {
    wire::BrokerRequest request{};
    request.op = op;
    return request;
  }
  static std::vector<uint8_t> bytes_of(const wire::BrokerRequest& request) {
    return {reinterpret_cast<const uint8_t*>(&request), reinterpret_cast<const uint8_t*>(&request + 1)};
  }
  static bool ends(HostileWorker& worker) {
    for (int i = 0; i < 100 && worker.broker_lives(); ++i) ::usleep(10000);
    return !worker.broker_lives();
  }

  Tree tree;
  core::FileId far_file;
};

// Rules are about the one spelling of a path: no other may lead anywhere.
TEST_F(GrantAttack, AnotherSpellingOfAHiddenPath) {
  for (const char* path : {"dir/../secret", "/secret", "./secret", "dir/..//secret"}) {
    HostileWorker worker(tree, false, {"/secret"});
    EXPECT_EQ(worker.open(kReadWrite, path, kOpenRead, tree.path("secret")).body.backing_id, 0) << path;
  }
}
TEST_F(GrantAttack, AbsolutePath) {
  HostileWorker worker(tree, false, {"/secret"});
  EXPECT_EQ(worker.open(kReadWrite, "/secret", kOpenRead, tree.path("secret")).body.backing_id, 0);
}

TEST_F(GrantAttack, LinkToAHiddenDirectory) {
  ASSERT_EQ(::symlink("hidden", tree.path("link").c_str()), 0);
  HostileWorker worker(tree, false, {"/hidden/"});
  not_granted(worker, "link/inner", "hidden/inner");
}
TEST_F(GrantAttack, LinkToAHiddenFile) {
  ASSERT_EQ(::symlink("secret", tree.path("link").c_str()), 0);
  HostileWorker worker(tree, false, {"/secret"});
  not_granted(worker, "link", "secret");
}
TEST_F(GrantAttack, MagicLinkToTheRoot) {
  make_directory("proc");
  ASSERT_EQ(::mount("proc", tree.path("proc").c_str(), "proc", 0, nullptr), 0);
  {
    HostileWorker worker(tree, false, {"/secret"});
    not_granted(worker, "proc/self/fd/4/secret", "secret");
  }
  ASSERT_EQ(::umount2(tree.path("proc").c_str(), MNT_DETACH), 0);
}
TEST_F(GrantAttack, FileOfAMountInside) {
  make_directory("mounted");
  ASSERT_EQ(::mount("tmpfs", tree.path("mounted").c_str(), "tmpfs", 0, ""), 0);
  tree.write(tree.path("mounted/file"), "of another filesystem");
  {
    HostileWorker worker(tree, false);
    not_granted(worker, "mounted/file", "mounted/file");
  }
  ASSERT_EQ(::umount2(tree.path("mounted").c_str(), MNT_DETACH), 0);
}
// A path that is longer than a call takes is opened in pieces: none of them crosses the mount, wherever it is on the way.
TEST_F(GrantAttack, FileFarBelowAMountInside) {
  ASSERT_EQ(::mount("tmpfs", tree.path("dir").c_str(), "tmpfs", 0, ""), 0);
  const std::string far = make_far_file("dir", 20), name = far + "/file";
  {
    HostileWorker worker(tree, false);
    for (const auto channel : {kReadWrite, kReadOnly}) {
      const Reply reply = worker.open(channel, name, kOpenRead, far_file.dev, far_file.ino);
      EXPECT_EQ(reply.body.backing_id, 0);
      EXPECT_NE(reply.error, 0);
    }
  }
  ASSERT_EQ(::umount2(tree.path("dir").c_str(), MNT_DETACH), 0);
}
// Nor does any follow a link, nor is what a rule hides seen from further below.
TEST_F(GrantAttack, FarPaths) {
  const std::string name = make_far_file("hidden", 20) + "/file";
  ASSERT_EQ(::symlink("hidden", tree.path("link").c_str()), 0);
  {
    HostileWorker worker(tree, false);
    EXPECT_GT(worker.open(kReadWrite, name, kOpenRead, far_file.dev, far_file.ino).body.backing_id, 0);
    const std::string by_link = "link" + name.substr(6);
    EXPECT_EQ(worker.open(kReadWrite, by_link, kOpenRead, far_file.dev, far_file.ino).body.backing_id, 0);
  }
  HostileWorker worker(tree, false, {"/hidden/"});
  const Reply reply = worker.open(kReadWrite, name, kOpenRead, far_file.dev, far_file.ino);
  EXPECT_EQ(reply.body.backing_id, 0);
  EXPECT_EQ(reply.reason, Reason::kHidden);
}
// What a mount covers in the source stays covered.
TEST_F(GrantAttack, FileBelowAMount) {
  wire::BrokerRequest request = request_of(BrokerOp::kOpen);
  request.flags = kOpenRead;
  claim(request, "hidden/inner");
  ASSERT_EQ(::mount("tmpfs", tree.path("hidden").c_str(), "tmpfs", 0, ""), 0);
  {
    HostileWorker worker(tree, false);
    EXPECT_EQ(worker.ask(kReadWrite, request, "hidden/inner").body.backing_id, 0);
  }
  ASSERT_EQ(::umount2(tree.path("hidden").c_str(), MNT_DETACH), 0);
}

TEST_F(GrantAttack, Directories) {
  HostileWorker worker(tree, false);
  not_granted(worker, "dir", "dir");
  not_granted(worker, "", "");
}
TEST_F(GrantAttack, Fifo) {
  ASSERT_EQ(::mkfifo(tree.path("fifo").c_str(), 0666), 0);
  HostileWorker worker(tree, false);
  not_granted(worker, "fifo", "fifo");
}
// It would wait for somebody to write, and all of the view with it.
TEST_F(GrantAttack, FifoHoldsNothingUp) {
  ASSERT_EQ(::mkfifo(tree.path("fifo").c_str(), 0666), 0);
  HostileWorker worker(tree, false);
  EXPECT_GT(worker.open(kReadWrite, "fifo", kOpenRead, tree.path("fifo")).error, 0) << "no answer";
}

TEST_F(GrantAttack, NothingIsWrittenInAReadOnlyView) {
  HostileWorker worker(tree, true);
  for (const auto channel : {kReadWrite, kReadOnly}) {
    EXPECT_NE(worker.open(channel, "plain", kOpenWrite | kOpenTruncate, tree.path("plain")).error, 0);
  }
  nothing_written("plain", "plain");
}
TEST_F(GrantAttack, NothingIsTruncatedInAReadOnlyView) {
  HostileWorker worker(tree, true);
  wire::BrokerRequest request = request_of(BrokerOp::kTruncatePath);
  claim(request, "plain");
  EXPECT_NE(worker.ask(kReadWrite, request, "plain").error, 0);
  nothing_written("plain", "plain");
}
TEST_F(GrantAttack, NothingIsMadeInAReadOnlyView) {
  HostileWorker worker(tree, true);
  EXPECT_NE(worker.ask(kReadWrite, request_of(BrokerOp::kOpenTemp), "dir").error, 0);
}
TEST_F(GrantAttack, NothingIsChangedInAReadOnlyView) {
  HostileWorker worker(tree, true);
  const Reply reply = worker.open(kReadOnly, "plain", kOpenRead, tree.path("plain"));
  ASSERT_EQ(reply.error, 0);
  wire::BrokerRequest request = request_of(BrokerOp::kChange);
  request.grant = reply.body.grant;
  request.flags = wire::kChangeMode;
  request.mode = 0600;
  EXPECT_NE(worker.ask(kData, request).error, 0);
  struct stat stat;
  ASSERT_EQ(::stat(tree.path("plain").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 07777, 0644u);
}
// On the channel of the thread that grants for reading.
TEST_F(GrantAttack, NothingIsWrittenByTheReadOnlyThread) {
  HostileWorker worker(tree, false);
  EXPECT_NE(worker.open(kReadOnly, "plain", kOpenWrite | kOpenTruncate, tree.path("plain")).error, 0);
  nothing_written("plain", "plain");
}
TEST_F(GrantAttack, NothingIsMadeByTheReadOnlyThread) {
  HostileWorker worker(tree, false);
  EXPECT_NE(worker.ask(kReadOnly, request_of(BrokerOp::kOpenTemp), "dir").error, 0);
}

// The kernel has one backing file an inode: what was granted for reading stays so.
TEST_F(GrantAttack, AGrantForReadingBecomesNoOtherKind) {
  HostileWorker worker(tree, false);
  const Reply reading = worker.open(kReadOnly, "plain", kOpenRead, tree.path("plain"));
  ASSERT_EQ(reading.error, 0);
  const Reply writing = worker.open(kReadWrite, "plain", kOpenWrite, tree.path("plain"));
  EXPECT_EQ(writing.error, EBUSY);
  EXPECT_EQ(core::reason_name(writing.reason), core::reason_name(Reason::kGrantReadOnly));
}
TEST_F(GrantAttack, ASecondOpenIsCheckedAsTheFirst) {
  tree.write(tree.path("letterbox"), "private", 0200);
  ASSERT_EQ(::link(tree.path("plain").c_str(), tree.path("plain.key").c_str()), 0);
  HostileWorker worker(tree, false, {"*.key"});
  ASSERT_EQ(worker.open(kReadWrite, "letterbox", kOpenWrite, tree.path("letterbox")).error, 0);
  EXPECT_EQ(worker.open(kReadWrite, "letterbox", kOpenRead, tree.path("letterbox")).error, EACCES);
  ASSERT_EQ(worker.open(kReadWrite, "plain", kOpenRead, tree.path("plain")).error, 0);
  EXPECT_EQ(worker.open(kReadWrite, "plain.key", kOpenRead, tree.path("plain")).error, ENOENT);
}
TEST_F(GrantAttack, AFileOfAnotherUserIsNotGrantedForWriting) {
  ASSERT_EQ(::chown(tree.path("plain").c_str(), 0, 0), 0);
  HostileWorker worker(tree, false);
  EXPECT_EQ(worker.open(kReadWrite, "plain", kOpenRead, tree.path("plain")).body.backing_id, 0);
}
TEST_F(GrantAttack, AnOpenForNothing) {
  HostileWorker worker(tree, false);
  for (const uint32_t flags : {0u, kOpenTruncate}) {
    EXPECT_EQ(worker.open(kReadWrite, "plain", flags, tree.path("plain")).body.backing_id, 0);
  }
  nothing_written("plain", "plain");
}
TEST_F(GrantAttack, AFileIsChangedOnlyThroughAGrantForWriting) {
  HostileWorker worker(tree, false);
  const Reply reply = worker.open(kReadWrite, "plain", kOpenRead, tree.path("plain"));
  wire::BrokerRequest request = request_of(BrokerOp::kChange);
  request.grant = reply.body.grant;
  request.flags = wire::kChangeMode;
  request.mode = 0600;
  EXPECT_EQ(worker.ask(kData, request).error, EBADF);
  struct stat stat;
  ASSERT_EQ(::stat(tree.path("plain").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 07777, 0644u);
}
TEST_F(GrantAttack, AGrantThatWasDroppedForWriting) {
  HostileWorker worker(tree, false);
  const Reply reply = worker.open(kReadWrite, "plain", kOpenWrite, tree.path("plain"));
  ASSERT_EQ(reply.error, 0);
  wire::BrokerRequest request = request_of(BrokerOp::kDropWrite);
  request.grant = reply.body.grant;
  ASSERT_TRUE(worker.send(kReadWrite, bytes_of(request)));
  request.op = BrokerOp::kTruncate;
  EXPECT_EQ(worker.ask(kReadWrite, request).error, EBADF);
  nothing_written("plain", "plain");
}

TEST_F(GrantAttack, TheIdOfAClosedGrant) {
  HostileWorker worker(tree, false);
  const Reply closed = worker.open(kReadWrite, "plain", kOpenRead, tree.path("plain"));
  wire::BrokerRequest request = request_of(BrokerOp::kClose);
  request.grant = closed.body.grant;
  ASSERT_TRUE(worker.send(kReadWrite, bytes_of(request)));
  // In its place.
  ASSERT_EQ(worker.open(kReadWrite, "secret", kOpenRead | kOpenWrite, tree.path("secret")).error, 0);
  request.op = BrokerOp::kTruncate;
  EXPECT_EQ(worker.ask(kReadWrite, request).error, EBADF);
  nothing_written("secret", "secret");
}

// What would be killed for it lives, and says no.
TEST_F(GrantAttack, ASeekToAnywhere) {
  HostileWorker worker(tree, false);
  const Reply reply = worker.open(kReadWrite, "plain", kOpenRead, tree.path("plain"));
  wire::BrokerRequest request = request_of(BrokerOp::kSeek);
  request.grant = reply.body.grant;
  request.mode = SEEK_END;
  EXPECT_EQ(worker.ask(kData, request).error, EINVAL);
}
TEST_F(GrantAttack, AModeOfAnotherType) {
  HostileWorker worker(tree, false);
  const Reply reply = worker.open(kReadWrite, "plain", kOpenWrite, tree.path("plain"));
  wire::BrokerRequest request = request_of(BrokerOp::kChange);
  request.grant = reply.body.grant;
  request.flags = wire::kChangeMode;
  request.mode = S_IFDIR | 0644;
  EXPECT_EQ(worker.ask(kReadWrite, request).error, 0);
}

TEST_F(GrantAttack, AMalformedMessageIsTheLast) {
  HostileWorker worker(tree, false);
  ASSERT_TRUE(worker.send(kData, {1}));
  EXPECT_TRUE(ends(worker));
}
TEST_F(GrantAttack, ALongMessageIsNotCut) {
  HostileWorker worker(tree, false);
  wire::BrokerRequest request = request_of(BrokerOp::kOpen);
  request.path_length = core::Limits::kPathBytes;
  std::vector<uint8_t> bytes = bytes_of(request);
  bytes.resize(wire::kBrokerRequestMost + 1, 'n');
  ASSERT_TRUE(worker.send(kReadWrite, bytes));
  EXPECT_TRUE(ends(worker));
}

// Neither the log nor who reads it can be flooded.
TEST_F(GrantAttack, EventsAreFew) {
  HostileWorker worker(tree, false, {"/secret"});
  for (int i = 0; i < 200; ++i) (void)worker.open(kReadWrite, "secret", kOpenRead, tree.path("secret"));
  // Two seconds may have had their share.
  EXPECT_LE(worker.count_events(), 2 * static_cast<int>(core::Limits::kLogLinesPerSecond));
}

// An application that it works for opens for writing, and gets what was granted for reading.
TEST_F(GrantAttack, AGrantForReadingDoesNotWrite) {
  tree.write(tree.path("plain"), "plain", 0444);
  ASSERT_EQ(::chown(tree.path("plain").c_str(), 0, 0), 0);
  HostileWorker worker(tree, false);
  const Reply reply = worker.open(kReadOnly, "plain", kOpenRead, tree.path("plain"));
  ASSERT_EQ(reply.error, 0);
  EXPECT_FALSE(writes_through(worker, reply.body.backing_id, tree.outside("point")));
  nothing_written("plain", "plain");
}

}  // namespace
}  // namespace sluice::adversary
