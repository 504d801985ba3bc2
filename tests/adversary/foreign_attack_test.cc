// Servers of foreign connections (src/broker/foreign_grants.h, src/service/foreign.h): what they hand over as
// their connection, and as files. Invariants: a connection is taken for the peer's only where the kernel says so;
// a grant can do no more than the server itself could with the descriptor that it handed over; what a hostile
// server does is done to its own broker.
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/reason_text.h"
#include "foreign_server.h"
#include "hostile_worker.h"
#include "mute_server.h"
#include "running_service.h"

namespace sluice::adversary {
namespace {

using core::Reason;

std::string name_of(Reason reason) { return std::string(core::reason_name(reason)); }
std::string name_of(uint32_t reason) { return name_of(static_cast<Reason>(reason)); }
os::Fd opened(const std::string& path, int flags) { return os::Fd(::open(path.c_str(), flags | O_CLOEXEC, 0644)); }

// A directory of kUser's with `point`, where a server mounts, and `file` behind it.
std::string ground() {
  const std::string path = work_dir() + "/foreign";
  EXPECT_EQ(::mkdir(path.c_str(), 0755), 0);
  EXPECT_EQ(::chown(path.c_str(), kUser, kUser), 0);
  EXPECT_EQ(::mkdir((path + "/point").c_str(), 0755), 0);
  EXPECT_EQ(::chown((path + "/point").c_str(), kUser, kUser), 0);
  write_all(path + "/file", "contents", kUser);
  // Everybody's, as udev makes it.
  EXPECT_EQ(::mknod("/run/fuse", S_IFCHR, makedev(10, 229)), 0);
  EXPECT_EQ(::chmod("/run/fuse", 0666), 0);
  EXPECT_EQ(::mount("/run/fuse", "/dev/fuse", nullptr, MS_BIND, nullptr), 0);
  return path;
}

// body in a process of kUser's, in namespaces of its own.
void as_server(const Body& body, int seconds = 15) {
  in_process(kUser, seconds, [&] {
    enter_own_namespaces();
    body();
  });
}

int read_first(const std::string& path, int flags = O_RDONLY) {
  const os::Fd file = opened(path, flags);
  if (!file) return -errno;
  char byte = 0;
  const ssize_t got = ::read(file.get(), &byte, 1);
  return got < 0 ? -errno : got == 0 ? 0 : byte;
}
int write_first(const std::string& path) {
  const os::Fd file = opened(path, O_RDWR);
  if (!file) return -errno;
  return ::pwrite(file.get(), "X", 1, 0) < 0 ? -errno : 1;
}

// What it is for: no data reach the server, and they are the file's.
ATTACK(ForeignAttack, AServerIsServed) {
  const std::string path = ground();
  RunningService service;
  service.note();
  as_server([&] {
    ForeignServer server(path + "/point", 8);
    ASSERT_EQ(name_of(server.connect()), "none");
    EXPECT_GE(server.most_grants(), 1000u);
    const os::Fd file = opened(path + "/file", O_RDWR);
    const auto granted = server.grant(1, file.get());
    ASSERT_EQ(granted.error, 0) << name_of(granted.reason);
    server.pass(granted.backing_id);
    EXPECT_EQ(server.use([&] { return read_first(server.file()); }), 'c');
    EXPECT_EQ(server.use([&] { return write_first(server.file()); }), 1);
    EXPECT_EQ(server.reads() + server.writes(), 0u);
    EXPECT_EQ(server.close(granted.backing_id).error, 0);
    EXPECT_EQ(server.use([&] { return read_first(server.file()); }), -EIO) << "the id is closed";
    server.pass(0);
    EXPECT_EQ(server.use([&] { return read_first(server.file()); }), 0);
    EXPECT_EQ(server.reads(), 1u);
  });
  EXPECT_EQ(read_all(path + "/file"), "Xontents");
  service.expect_as_noted("the server has gone");
}

// Invariant: what was handed over to read is not written, by anybody, whatever it is opened as later (fact 3).
ATTACK(ForeignAttack, WritingThroughAGrantToRead) {
  const std::string path = ground();
  write_all(path + "/theirs", "theirs", kVictim, 0644);
  RunningService service;
  as_server([&] {
    ForeignServer server(path + "/point", 8);
    ASSERT_EQ(name_of(server.connect()), "none");
    for (const char* name : {"/file", "/theirs"}) {
      const auto granted = server.grant(0, opened(path + name, O_RDONLY).get());
      ASSERT_EQ(granted.error, 0) << name_of(granted.reason);
      server.pass(granted.backing_id);
      EXPECT_EQ(server.use([&] { return read_first(server.file()); }), name[1] == 'f' ? 'c' : 't');
      EXPECT_EQ(server.use([&] { return write_first(server.file()); }), -EIO) << name;
      EXPECT_EQ(server.use([&] { return opened(server.file(), O_WRONLY | O_TRUNC) ? 1 : -errno; }), -EIO) << name;
    }
    // Nor is one that is open for writing, where it was handed over to read.
    const auto granted = server.grant(0, opened(path + "/file", O_RDWR).get());
    ASSERT_EQ(granted.error, 0);
    server.pass(granted.backing_id);
    EXPECT_EQ(server.use([&] { return write_first(server.file()); }), -EIO);
    // And the channel of those that are written takes none that are not open so.
    for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR | O_APPEND}) {
      EXPECT_EQ(name_of(server.grant(1, opened(path + "/file", flags).get()).reason), "file-mode") << flags;
    }
  });
  EXPECT_EQ(read_all(path + "/file"), "contents");
  EXPECT_EQ(read_all(path + "/theirs"), "theirs");
}

}  // namespace
}  // namespace sluice::adversary
