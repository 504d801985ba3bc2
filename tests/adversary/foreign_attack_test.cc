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
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sstream>

#include "core/reason_text.h"
#include "foreign_server.h"
#include "hostile_worker.h"
#include "os/socket.h"
#include "running_service.h"

namespace sluice::adversary {
namespace {

using core::Reason;

std::string name_of(Reason reason) { return std::string(core::reason_name(reason)); }
std::string name_of(uint32_t reason) { return name_of(static_cast<Reason>(reason)); }
os::Fd opened(const std::string& path, int flags) { return os::Fd(::open(path.c_str(), flags | O_CLOEXEC, 0644)); }

void write_file(const std::string& path) { EXPECT_TRUE(os::Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644))); }

// Makes this process one of kUser's, in namespaces of its own.
bool be_server() {
  if (::setresgid(kUser, kUser, kUser) != 0 || ::setresuid(kUser, kUser, kUser) != 0) return false;
  enter_own_namespaces();
  return true;
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
  const std::string path = foreign_ground();
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
  const std::string path = foreign_ground();
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

// In the arena's own namespaces, which are of the initial user namespace: as a server that fusermount3 mounts for.
// What needs root comes first; then body, as kUser.
void as_plain_server(const std::string& path, const Body& first, const std::function<void(ForeignServer&)>& body) {
  in_process(0, 15, [&] {
    first();
    ForeignServer server(path + "/point", 8, kUser);
    ASSERT_EQ(::setresgid(kUser, kUser, kUser), 0);
    ASSERT_EQ(::setresuid(kUser, kUser, kUser), 0);  // of every thread
    ::prctl(PR_SET_DUMPABLE, 1);                     // as if it had been started so
    body(server);
  });
  ::umount2((path + "/point").c_str(), MNT_DETACH);
}

// Invariant: a grant to write is one that the server's own identity could open so, whoever opened it.
ATTACK(ForeignAttack, FilesThatTheServerCouldNotOpen) {
  const std::string path = foreign_ground();
  write_all(path + "/theirs", "theirs", kVictim, 0644);
  write_all(path + "/secret", "secret", kVictim, 0600);
  write_all(path + "/blind", "blind", kUser, 0200);
  RunningService service;
  os::Fd theirs, secret, blind;
  as_plain_server(
      path,
      [&] {
        theirs = opened(path + "/theirs", O_RDWR);
        secret = opened(path + "/secret", O_RDWR);
        blind = opened(path + "/blind", O_RDWR);
      },
      [&](ForeignServer& server) {
        ASSERT_EQ(name_of(server.connect()), "none");
        EXPECT_EQ(name_of(server.grant(1, theirs.get()).reason), "file-not-writable");
        EXPECT_EQ(name_of(server.grant(1, secret.get()).reason), "file-not-writable");
        EXPECT_EQ(name_of(server.grant(1, blind.get()).reason), "file-not-writable");
        // What it holds open it can read in any case, and hand on what it reads.
        const auto granted = server.grant(0, theirs.get());
        EXPECT_EQ(granted.error, 0);
        server.pass(granted.backing_id);
        EXPECT_EQ(server.use([&] { return write_first(server.file()); }), -EIO);
      });
  EXPECT_EQ(read_all(path + "/theirs"), "theirs");
}

// Invariant: what is immutable, or for appending only, is not written (fact 6), nor by one that came before.
ATTACK(ForeignAttack, FilesThatMayNotBeChanged) {
  const std::string path = foreign_ground();
  const auto set_flags = [&](const char* name, int flags) {
    const os::Fd file = opened(path + name, O_RDONLY);
    int wanted = 0;
    if (::ioctl(file.get(), FS_IOC_GETFLAGS, &wanted) != 0) return -1;
    wanted = (wanted & ~(FS_IMMUTABLE_FL | FS_APPEND_FL)) | flags;
    return ::ioctl(file.get(), FS_IOC_SETFLAGS, &wanted);
  };
  write_all(path + "/fixed", "fixed", kUser);
  RunningService service;
  os::Fd fixed, growing;
  as_plain_server(
      path,
      [&] {
        fixed = opened(path + "/fixed", O_RDWR);
        growing = opened(path + "/file", O_RDWR);
        need(set_flags("/fixed", FS_IMMUTABLE_FL) == 0, "a filesystem with file flags");
        need(set_flags("/file", FS_APPEND_FL) == 0, "a filesystem with file flags");
      },
      [&](ForeignServer& server) {
        ASSERT_EQ(name_of(server.connect()), "none");
        EXPECT_EQ(name_of(server.grant(1, fixed.get()).reason), "immutable");
        EXPECT_EQ(name_of(server.grant(1, growing.get()).reason), "immutable");
      });
  EXPECT_EQ(set_flags("/fixed", 0), 0);
  EXPECT_EQ(set_flags("/file", 0), 0);
}

// Invariant: grants are for regular files, of filesystems of the list, in the server's own mount namespace; which
// that is, the kernel says, and no filesystem is asked.
ATTACK(ForeignAttack, FilesOfEveryOtherKind) {
  const std::string path = foreign_ground();
  RunningService service;
  service.note();
  const os::Fd elsewhere = opened(path + "/file", O_RDONLY);  // of a mount of another namespace
  as_server([&] {
    ForeignServer server(path + "/point", 8);
    ASSERT_EQ(name_of(server.connect()), "none");
    const auto refused = [&](const char* what, const os::Fd& fd, const char* reason) {
      ASSERT_TRUE(fd) << what << ": " << std::strerror(errno);
      for (const int channel : {0, 1}) {
        const auto answer = server.grant(channel, fd.get());
        EXPECT_NE(answer.error, 0) << what;
        if (channel == 1) continue;  // it may be wrong there for what it is open as, first
        EXPECT_EQ(name_of(answer.reason), reason) << what;
      }
    };
    refused("O_PATH", opened(path + "/file", O_PATH), "file-mode");
    refused("write-only", opened(path + "/file", O_WRONLY), "file-mode");
    refused("for neither", opened(path + "/file", O_ACCMODE), "file-mode");  // for ioctl alone: open(2)
    refused("a directory", opened(path, O_RDONLY), "not-regular");
    refused("a terminal", opened("/dev/ptmx", O_RDWR | O_NOCTTY), "not-regular");
    refused("a device", opened("/dev/null", O_RDWR), "not-regular");
    refused("/dev/fuse", os::Fd(::dup(server.device())), "not-regular");
    refused("its own channel", os::Fd(::dup(server.channel(0))), "not-regular");
    refused("an event", os::Fd(::eventfd(0, EFD_CLOEXEC)), "not-regular");
    refused("a process", os::Fd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0))), "not-regular");
    refused("a namespace", opened("/proc/self/ns/user", O_RDONLY), "file-filesystem");
    refused("of proc", opened("/proc/self/status", O_RDONLY), "file-filesystem");
    refused("of sysfs", opened("/sys/kernel/notes", O_RDONLY), "file-filesystem");
    refused("a memfd", os::Fd(::memfd_create("m", MFD_CLOEXEC)), "file-filesystem");
    refused("of another mount namespace", elsewhere, "file-filesystem");
    for (const char* name : {"lower", "upper", "work", "over"}) ASSERT_EQ(::mkdir((path + "/" + name).c_str(), 0755), 0);
    ASSERT_TRUE(opened(path + "/lower/file", O_WRONLY | O_CREAT));
    const std::string layers = "lowerdir=" + path + "/lower,upperdir=" + path + "/upper,workdir=" + path + "/work,userxattr";
    if (::mount("overlay", (path + "/over").c_str(), "overlay", 0, layers.c_str()) == 0) {
      refused("of overlayfs", opened(path + "/over/file", O_RDONLY), "file-stacked");
    }
  });
  service.expect_as_noted("files of every other kind");
}

// Invariant: a file whose filesystem never answers keeps nobody waiting but its own broker (fact 23), and a user
// does not get others by the place that this one took.
ATTACK(ForeignAttack, AFileThatCannotBeClosed) {
  const std::string path = foreign_ground();
  ASSERT_EQ(::mkdir((path + "/silent").c_str(), 0755), 0);
  ASSERT_EQ(::chown((path + "/silent").c_str(), kUser, kUser), 0);
  RunningService service;
  service.note();
  auto* step = new (::mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) std::atomic<int>(0);
  Program attacker([&] {
    if (!be_server()) return;
    ForeignServer silent(path + "/silent", 8), server(path + "/point", 8);
    const os::Fd file = opened(silent.file(), O_RDWR);
    EXPECT_TRUE(file);
    EXPECT_EQ(name_of(server.connect()), "none");
    silent.fall_silent();
    for (const int channel : {0, 1}) {
      const wire::BackingRequest request{wire::BackingOp::kOpen, 0};
      EXPECT_TRUE(send_raw(server.channel(channel), {reinterpret_cast<const uint8_t*>(&request), sizeof(request)}, {file.get()}));
    }
    // The kernel closes what the broker got, and waits: each close asks the filesystem.
    EXPECT_EQ(name_of(silent.connect()), "none") << "the same user is served";
    server.hang_up();
    *step = 1;
    while (*step == 1) ::usleep(10'000);
    silent.hang_up();
    silent.end();  // before this process closes its file
    *step = 3;
    ::pause();
  });
  ASSERT_TRUE(eventually(10000, [&] { return *step == 1; }));
  ::usleep(300'000);
  const auto all = processes();
  EXPECT_EQ(std::count_if(all.begin(), all.end(), [](const Found& one) { return one.name == "sluice-foreign-"; }), 2)
      << "its broker, which it hung up on, waits";
  service.expect_serves_others("a broker is stuck");
  *step = 2;
  EXPECT_TRUE(eventually(5000, [&] { return *step == 3; }));
  attacker.signal(SIGKILL);
  EXPECT_TRUE(attacker.ended(5000));
  service.expect_as_noted("a file that could not be closed");
}

// Invariant: a connection has so many grants and no more; with its server all of them go, from the kernel too.
ATTACK(ForeignAttack, AsManyGrantsAsThereAre) {
  const std::string path = foreign_ground();
  RunningService service;
  service.note();
  as_server([&] {
    ForeignServer server(path + "/point", 8);
    ASSERT_EQ(name_of(server.connect()), "none");
    const os::Fd file = opened(path + "/file", O_RDONLY);
    const os::Fd writable = opened(path + "/file", O_RDWR);
    int last = 0;
    for (uint32_t i = 0; i < server.most_grants(); ++i) {
      const auto answer = i % 2 == 0 ? server.grant(0, file.get()) : server.grant(1, writable.get());
      ASSERT_EQ(answer.error, 0) << i << name_of(answer.reason);
      last = answer.backing_id;
    }
    for (const int channel : {0, 1}) {
      EXPECT_EQ(name_of(server.grant(channel, writable.get()).reason), "limit-grants");
    }
    EXPECT_EQ(server.close(last, 1).error, 0);
    EXPECT_EQ(server.close(last, 0).error, ENOENT) << "twice";
    EXPECT_EQ(server.close(last + 1000).error, ENOENT) << "never granted";
    const auto again = server.grant(0, file.get());
    ASSERT_EQ(again.error, 0);
    EXPECT_EQ(name_of(server.grant(0, file.get()).reason), "limit-grants");
    server.pass(again.backing_id);
    EXPECT_EQ(server.use([&] { return read_first(server.file()); }), 'c');
    // One channel is enough: its broker is of no use to anybody without both.
    server.hang_up();
    EXPECT_TRUE(eventually(3000, [&] { return server.use([&] { return read_first(server.file()); }) == -EIO; }))
        << "the kernel has the id still";
    EXPECT_TRUE(eventually(3000, [&] { return server.connect() == Reason::kNone; })) << "its place is free";
  });
  service.expect_as_noted("as many grants as there are");
}

// Invariant: what is taken as a connection is one that the kernel shows to be mounted where the peer is.
ATTACK(ForeignAttack, ConnectionsOfEveryOtherKind) {
  const std::string path = foreign_ground();
  // CUSE is a device of FUSE's code, and no filesystem; where there is none, another of the same major number does.
  for (const unsigned minor : {203u, 200u, 237u}) {
    const std::string device = "/run/misc-" + std::to_string(minor);
    ASSERT_EQ(::mknod(device.c_str(), S_IFCHR, makedev(10, minor)), 0);
    ASSERT_EQ(::chmod(device.c_str(), 0666), 0);
  }
  ASSERT_EQ(::mkdir((path + "/other").c_str(), 0755), 0);
  RunningService service;
  service.note();
  // Of the same user's, in namespaces of its own.
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
  Program other([&] {
    if (!be_server()) return;
    const ForeignServer server(path + "/other", 8);
    (void)send_raw(pair[1], {reinterpret_cast<const uint8_t*>("x"), 1}, {server.device()});
    ::pause();
  });
  uint8_t byte[1];
  auto handed = os::receive_message(pair[0], byte, 1);
  ASSERT_TRUE(handed.ok() && handed->fds.size() == 1);
  as_server([&] {
    ForeignServer server(path + "/point", 8);
    const auto refused = [&](const char* what, const os::Fd& fd, const char* reason) {
      ASSERT_TRUE(fd) << what << ": " << std::strerror(errno);
      EXPECT_EQ(name_of(server.connect(fd.get())), reason) << what;
      EXPECT_FALSE(server.connected()) << what;
    };
    refused("a file", opened(path + "/file", O_RDWR), "connection-not-fuse");
    refused("a directory", opened(path, O_RDONLY), "connection-not-fuse");
    refused("a terminal", opened("/dev/ptmx", O_RDWR | O_NOCTTY), "connection-not-fuse");
    refused("a device", opened("/dev/null", O_RDWR), "connection-not-fuse");
    refused("O_PATH", opened("/dev/fuse", O_PATH), "connection-not-fuse");
    refused("its own file", opened("/proc/self/fdinfo/0", O_RDONLY), "connection-not-fuse");
    refused("an event", os::Fd(::eventfd(0, EFD_CLOEXEC)), "connection-not-fuse");
    int looked_at = 0;
    for (const char* device : {"/run/misc-203", "/run/misc-200", "/run/misc-237"}) {
      const os::Fd fd = opened(device, O_RDWR | O_NONBLOCK);
      if (!fd) continue;  // the kernel has none
      refused(device, fd, "connection-not-fuse");
      ++looked_at;
    }
    EXPECT_GT(looked_at, 0);
    refused("one that is not mounted", opened("/dev/fuse", O_RDWR | O_NONBLOCK), "connection-not-mounted");
    refused("one of another namespace", os::Fd(::dup(handed->fds[0].get())), "connection-foreign");
    // And the right one, as it should not be asked for.
    const auto hello = [](uint32_t version, uint32_t flags, uint32_t padding) {
      const wire::ForeignHello words{wire::kForeignMagic, version, flags, padding};
      std::vector<uint8_t> bytes(sizeof(words));
      std::memcpy(bytes.data(), &words, sizeof(words));
      return bytes;
    };
    const int device = server.device();
    EXPECT_EQ(name_of(server.connect(hello(2, 0, 0), {device})), "version");
    EXPECT_EQ(name_of(server.connect(hello(1, 2, 0), {device})), "protocol");
    EXPECT_EQ(name_of(server.connect(hello(1, 0, 1), {device})), "protocol");
    EXPECT_EQ(name_of(server.connect(hello(1, 0, 0), {})), "protocol");
    EXPECT_EQ(name_of(server.connect(hello(1, 0, 0), {device, device})), "protocol");
    auto longer = hello(1, 0, 0);
    longer.push_back(0);
    EXPECT_EQ(name_of(server.connect(longer, {device})), "protocol");
    EXPECT_EQ(name_of(server.connect(std::span(longer).first(12), {device})), "protocol");
    EXPECT_FALSE(server.connected());
    ASSERT_EQ(name_of(server.connect()), "none");
    EXPECT_EQ(name_of(server.connect()), "connection-taken");
  });
  // Whoever is nobody's peer: what may not be looked into, and root.
  as_plain_server(path, [] {}, [&](ForeignServer& server) {
    ::prctl(PR_SET_DUMPABLE, 0);
    EXPECT_EQ(name_of(server.connect()), "connection-foreign");
    ::prctl(PR_SET_DUMPABLE, 1);
    // In a user namespace of its own, but where others mounted.
    ASSERT_EQ(name_of(server.connect()), "none");
    server.hang_up();
  });
  in_process(0, 15, [&] {
    ForeignServer server(path + "/point", 8);
    EXPECT_EQ(name_of(server.connect()), "identity-root");
  });
  other.signal(SIGKILL);
  EXPECT_TRUE(other.ended(5000));
  service.expect_as_noted("connections of every other kind");
}

// What its owner tries, so that the flags of a mount are gone, and then opens.
void expect_locked(const std::string& point, int mount) {
  const auto flags_hold = [&](const char* after) {
    // Of the topmost, which is the last.
    std::istringstream mounts(read_all("/proc/self/mountinfo"));
    std::string flags;
    for (std::string line; std::getline(mounts, line);) {
      const size_t at = line.find(" " + point + " ");
      if (at != std::string::npos) flags = line.substr(at + point.size() + 2, line.find(' ', at + point.size() + 2) - at - point.size() - 2);
    }
    EXPECT_NE(flags.find("nosuid,nodev"), std::string::npos) << flags << " after " << after;
    EXPECT_EQ(read_first(point + "/device", O_RDWR), -EACCES) << after;
  };
  const auto clear = [](int at) {
    struct mount_attr attributes {};
    attributes.attr_clr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    return ::syscall(SYS_mount_setattr, at, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) == 0 ? 0 : errno;
  };
  flags_hold("as it came");
  EXPECT_EQ(clear(mount), EPERM);
  flags_hold("mount_setattr");
  EXPECT_NE(::mount(nullptr, point.c_str(), nullptr, MS_REMOUNT | MS_BIND, nullptr), 0);
  flags_hold("a remount");
  EXPECT_NE(::mount(nullptr, point.c_str(), nullptr, MS_REMOUNT, "allow_other"), 0);
  const os::Fd filesystem(static_cast<int>(::syscall(SYS_fspick, AT_FDCWD, point.c_str(), FSPICK_CLOEXEC)));
  ASSERT_TRUE(filesystem);
  EXPECT_NE(::syscall(SYS_fsconfig, filesystem.get(), FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0), 0);
  EXPECT_LT(::syscall(SYS_fsmount, filesystem.get(), FSMOUNT_CLOEXEC, 0), 0) << "another mount of it, without flags";
  const os::Fd copy(static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, point.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  ASSERT_TRUE(copy);
  EXPECT_EQ(clear(copy.get()), EPERM);
  ASSERT_EQ(::mount(point.c_str(), point.c_str(), nullptr, MS_BIND, nullptr), 0);
  EXPECT_NE(::mount(nullptr, point.c_str(), nullptr, MS_REMOUNT | MS_BIND, nullptr), 0);
  flags_hold("a bind mount");
  EXPECT_EQ(::umount2(point.c_str(), MNT_DETACH), 0);
}

// Invariant: a connection that the service makes is its peer's alone, and of no more use to it than one that it could
// make itself: no device and no set-user-ID program of its server's counts, and no id is any other connection's.
ATTACK(ForeignAttack, AConnectionThatTheServiceMade) {
  const std::string path = foreign_ground();
  ASSERT_EQ(::mkdir((path + "/other").c_str(), 0755), 0);
  ASSERT_EQ(::chown((path + "/other").c_str(), kUser, kUser), 0);
  RunningService service;
  service.note();
  auto* serves = new (::mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) std::atomic<int>(0);
  Program server([&] {
    if (!be_server()) return;
    ForeignServer made(path + "/point", ForeignServer::MadeByService{});
    ASSERT_TRUE(made.connected());
    const auto granted = made.grant(1, opened(path + "/file", O_RDWR).get());
    ASSERT_EQ(granted.error, 0) << name_of(granted.reason);
    made.pass(granted.backing_id);
    EXPECT_EQ(made.use([&] { return read_first(made.file()); }), 'c');
    EXPECT_EQ(made.use([&] { return write_first(made.file()); }), 1);
    EXPECT_EQ(made.reads() + made.writes(), 0u);
    EXPECT_EQ(made.use([&] {
      expect_locked(path + "/point", made.mount());
      return ::testing::Test::HasFailure() ? 1 : 0;
    }), 0) << "its mount is locked";
    // In user and mount namespaces below its own, too.
    EXPECT_EQ(made.use([&] {
      if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return -1;
      EXPECT_NE(::mount(nullptr, (path + "/point").c_str(), nullptr, MS_REMOUNT | MS_BIND, nullptr), 0);
      return read_first(path + "/point/device", O_RDWR);
    }), -EACCES);
    // Its ids are of that connection, whatever descriptor its server has besides.
    ForeignServer own(path + "/other", 8);
    own.pass(granted.backing_id);
    EXPECT_EQ(own.use([&] { return read_first(own.file()); }), -EIO);
    *serves = 1;
    while (*serves == 1) ::usleep(10'000);
    // It ends with its session.
    made.hang_up();
    EXPECT_TRUE(eventually(3000, [&] { return made.use([&] { return read_first(made.file()); }) == -EIO; }));
  });
  ASSERT_TRUE(eventually(10'000, [&] { return *serves == 1 || server.ended(0); }));
  // Nobody else gets in, root neither: where its server is, and as whoever.
  for (const uint32_t uid : {kVictim, 0u}) {
    in_process(0, 10, [&] {
      const os::Fd mounts(::open(("/proc/" + std::to_string(server.pid()) + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC));
      ASSERT_EQ(::setns(mounts.get(), CLONE_NEWNS), 0);
      if (uid != 0) {
        ASSERT_EQ(::setresgid(uid, uid, uid), 0);
        ASSERT_EQ(::setresuid(uid, uid, uid), 0);
      }
      EXPECT_EQ(read_first(path + "/point/file"), -EACCES) << uid;
      EXPECT_EQ(read_first(path + "/point/device"), -EACCES) << uid;
    });
  }
  *serves = 2;
  EXPECT_TRUE(server.ended(8000));
  EXPECT_EQ(server.status(), 0) << server.output();
  // Root is served by nobody; what is asked for comes without a descriptor.
  in_process(0, 10, [&] {
    const wire::ForeignHello words{wire::kForeignMagic, wire::kForeignVersion, wire::kForeignMake, 0};
    const std::span<const uint8_t> hello{reinterpret_cast<const uint8_t*>(&words), sizeof(words)};
    ForeignServer root(path + "/point", 8);
    EXPECT_EQ(name_of(root.connect(hello, {})), "identity-root");
    EXPECT_EQ(name_of(root.connect(hello, {root.device()})), "protocol");
  });
  service.expect_as_noted("a connection that the service made");
}

// In a user namespace of its own, in a mount namespace that is not: no process of it could have mounted.
ATTACK(ForeignAttack, AMountNamespaceOfOthers) {
  const std::string path = foreign_ground();
  RunningService service;
  ForeignServer other(path + "/point", 8, kUser, false);
  in_process(kUser, 10, [&] {
    ::prctl(PR_SET_DUMPABLE, 1);
    ASSERT_EQ(::unshare(CLONE_NEWUSER), 0);
    EXPECT_EQ(name_of(other.connect()), "connection-foreign");
  });
}

// Invariant: with its end, by whoever, what a connection was granted goes from the kernel: no grant is out of sight.
ATTACK(ForeignAttack, GrantsDoNotOutliveTheirBroker) {
  const std::string path = foreign_ground();
  auto service = std::make_unique<RunningService>();
  as_server([&] {
    ForeignServer server(path + "/point", 8);
    for (int round = 0; round < 3; ++round) {
      ASSERT_EQ(name_of(server.connect()), "none");
      EXPECT_GE(server.most_grants(), 1000u) << round;
      const auto granted = server.grant(0, opened(path + "/file", O_RDONLY).get());
      ASSERT_EQ(granted.error, 0);
      server.pass(granted.backing_id);
      EXPECT_EQ(server.use([&] { return read_first(server.file()); }), 'c');
      wire::Hello end;
      end.kind = wire::HelloKind::kEnd;
      end.name = server.name();
      EXPECT_EQ(name_of(ask(end, {}).reason), "none");
      EXPECT_TRUE(eventually(2000, [&] { return server.use([&] { return read_first(server.file()); }) == -EIO; }));
    }
  });
  // Nor the service.
  Program server([&] {
    if (!be_server()) return;
    ForeignServer foreign(path + "/point", 8);
    EXPECT_EQ(name_of(foreign.connect()), "none");
    const auto granted = foreign.grant(0, opened(path + "/file", O_RDONLY).get());
    foreign.pass(granted.backing_id);
    EXPECT_EQ(foreign.use([&] { return read_first(foreign.file()); }), 'c');
    write_file(path + "/granted");
    EXPECT_TRUE(eventually(5000, [&] { return foreign.use([&] { return read_first(foreign.file()); }) == -EIO; }));
  });
  EXPECT_TRUE(eventually(5000, [&] { return ::access((path + "/granted").c_str(), F_OK) == 0; }));
  ::kill(service->pid(), SIGKILL);
  EXPECT_TRUE(server.ended(6000));
  EXPECT_EQ(server.status(), 0);
}

// Invariant: a broker ends with its server, whatever that handed over: a file of the very filesystem that the broker
// keeps alive, or its own channels.
ATTACK(ForeignAttack, WhatKeepsItsOwnBrokerBusy) {
  const std::string path = foreign_ground();
  RunningService service;
  service.note();
  for (const bool channels : {false, true}) {
    Program server([&] {
      // With the channels, mounted where the server's end does not end the mount.
      std::unique_ptr<ForeignServer> made;
      if (channels) made = std::make_unique<ForeignServer>(path + "/point", 8, kUser);
      if (::setresgid(kUser, kUser, kUser) != 0 || ::setresuid(kUser, kUser, kUser) != 0) return;
      ::prctl(PR_SET_DUMPABLE, 1);
      if (!channels) {
        enter_own_namespaces();
        made = std::make_unique<ForeignServer>(path + "/point", 8);
      }
      ForeignServer& foreign = *made;
      EXPECT_EQ(name_of(foreign.connect()), "none");
      const wire::BackingRequest request{wire::BackingOp::kOpen, 0};
      const std::span<const uint8_t> bytes{reinterpret_cast<const uint8_t*>(&request), sizeof(request)};
      if (!channels) {
        const int file = ::open(foreign.file().c_str(), O_RDWR);
        foreign.fall_silent();
        for (const int channel : {0, 1}) EXPECT_TRUE(send_raw(foreign.channel(channel), bytes, {file}));
        ::close(file);  // answered; the broker's closes are not
      } else {
        // So many that the broker waits to reply; then its own ends of them behind.
        const os::Fd file = opened(path + "/file", O_RDONLY);
        for (const int channel : {0, 1}) {
          ::fcntl(foreign.channel(channel), F_SETFL, O_NONBLOCK);
          // More than the replies that fit; fewer than those and the requests that do.
          for (int sent = 0, tries = 0; sent < 420 && tries < 5000; ++tries) {
            send_raw(foreign.channel(channel), bytes, {file.get()}) ? ++sent : ::usleep(200);
          }
        }
        ::usleep(300'000);
        for (const int channel : {0, 1}) {
          EXPECT_TRUE(send_raw(foreign.channel(channel), bytes, {foreign.channel(0), foreign.channel(1)}));
        }
      }
      ::usleep(200'000);
      ::kill(::getpid(), SIGKILL);
    });
    EXPECT_TRUE(server.ended(5000)) << channels;
    const auto brokers = [] {
      const auto all = processes();
      return std::count_if(all.begin(), all.end(), [](const Found& one) { return one.name == "sluice-foreign-"; });
    };
    EXPECT_TRUE(eventually(6000, [&] { return brokers() == 0; })) << channels;
    ::umount2((path + "/point").c_str(), MNT_DETACH);
    service.expect_as_noted(channels ? "channels in themselves" : "a file of its own", 8000);
  }
}

// Invariant: from their first moment on the processes of a connection and of a view are nobody's whom their user
// could limit or stop (prlimit(2), kill(2)).
ATTACK(ForeignAttack, LimitsOfItsProcesses) {
  const std::string path = foreign_ground();
  const std::string source = make_source("source", kUser);
  RunningService service;
  auto* hits = new (::mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) std::atomic<int>(0);
  auto* over = new (::mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) std::atomic<bool>(false);
  const pid_t service_pid = service.pid(), maker = service.maker();
  Program racer([&] {
    if (::setresgid(kUser, kUser, kUser) != 0 || ::setresuid(kUser, kUser, kUser) != 0) return;
    const struct rlimit limit {3, 3};
    for (pid_t pid = 2; !*over; pid = pid >= 600 ? 2 : pid + 1) {
      // Its own of this user have the test's name; what is to be a broker or a worker has the maker's until it is.
      if (pid == service_pid || pid == maker || ::prlimit(pid, RLIMIT_CPU, nullptr, nullptr) != 0) continue;
      const std::string name = read_all("/proc/" + std::to_string(pid) + "/comm");
      if (name.starts_with("sluice") && ::syscall(SYS_prlimit64, pid, RLIMIT_CPU, &limit, nullptr) == 0) ++*hits;
    }
  });
  for (int i = 0; i < 6; ++i) {
    as_server([&] {
      ForeignServer server(path + "/point", 8);
      EXPECT_EQ(name_of(server.connect()), "none");
    });
    in_process(kUser, 10, [&] {
      const os::Fd directory = opened(source, O_PATH | O_DIRECTORY);
      os::Fd connection;
      EXPECT_EQ(name_of(ask(view_hello(kUser), {directory.get()}, &connection).reason), "none");
    });
  }
  *over = true;
  EXPECT_TRUE(racer.ended(3000));
  EXPECT_EQ(*hits, 0);
}

// Invariant: nobody has a connection's number in advance: it is the kernel's, who gives it to the next.
ATTACK(ForeignAttack, NumbersOfOthers) {
  const std::string path = foreign_ground();
  ASSERT_EQ(::mkdir((path + "/victim").c_str(), 0755), 0);
  ASSERT_EQ(::chown((path + "/victim").c_str(), kVictim, kVictim), 0);
  RunningService service;
  Program squatter([&] {
    if (!be_server()) return;
    // The numbers that the next will get; the channels stay open, and the devices.
    std::vector<ForeignServer*> all;
    for (int i = 0; i < 4; ++i) all.push_back(new ForeignServer(path + "/point", 8));
    for (ForeignServer* one : all) EXPECT_EQ(name_of(one->connect()), "none");
    while (::umount2((path + "/point").c_str(), MNT_DETACH) == 0) {
    }
    const std::string again = name_of(all[0]->connect());
    EXPECT_EQ(again, "connection-not-mounted") << "what is not mounted any more";
    write_file(path + (again == "connection-not-mounted" ? "/ready" : "/wrong"));
    ::pause();
  });
  ASSERT_TRUE(eventually(8000, [&] { return ::access((path + "/ready").c_str(), F_OK) == 0; }));
  in_process(kVictim, 10, [&] {
    enter_own_namespaces();
    ForeignServer server(path + "/victim", 8);
    EXPECT_EQ(name_of(server.connect()), "none");
  });
}

// Invariant: what breaks the protocol ends the one broker, and says so in the log.
ATTACK(ForeignAttack, MalformedRequests) {
  const std::string path = foreign_ground();
  RunningService service;
  service.note();
  as_server([&] {
    ForeignServer server(path + "/point", 8);
    const os::Fd file = opened(path + "/file", O_RDWR);
    const auto bytes = [](uint32_t op, int32_t id, size_t length) {
      const int32_t words[] = {static_cast<int32_t>(op), id, 0};
      std::vector<uint8_t> message(length);
      std::memcpy(message.data(), words, length);
      return message;
    };
    const int fd = file.get();
    const std::pair<std::vector<uint8_t>, std::vector<int>> wrong[] = {
        {bytes(1, 0, 4), {fd}},  {bytes(1, 0, 9), {fd}},   {bytes(1, 0, 8), {}},     {bytes(1, 0, 8), {fd, fd}},
        {bytes(1, 7, 8), {fd}},  {bytes(2, 1, 8), {fd}},   {bytes(2, 0, 8), {}},     {bytes(2, -1, 8), {}},
        {bytes(0, 0, 8), {}},    {bytes(3, 1, 8), {}},     {bytes(~0u, 1, 8), {}},   {bytes(1, 0, 1), {}},
        {bytes(1, 0, 8), std::vector<int>(200, fd)}};
    for (size_t i = 0; i < std::size(wrong); ++i) {
      ASSERT_TRUE(eventually(3000, [&] { return server.connect() == Reason::kNone; })) << i;
      ASSERT_EQ(server.grant(0, fd).error, 0);
      const int channel = static_cast<int>(i % 2);
      ASSERT_TRUE(send_raw(server.channel(channel), wrong[i].first, wrong[i].second)) << i;
      char byte;
      EXPECT_EQ(::recv(server.channel(channel), &byte, 1, 0), 0) << i;
      EXPECT_EQ(::recv(server.channel(1 - channel), &byte, 1, 0), 0) << i;
    }
  });
  service.expect_as_noted("malformed requests");
  EXPECT_NE(service.log().find("malformed request of the server"), std::string::npos);
}

// Invariant: a server may end at any time; nothing of it is left.
ATTACK(ForeignAttack, ServersThatEndAtEachStep) {
  const std::string path = foreign_ground();
  RunningService service;
  service.note();
  for (int step = 0; step < 24; ++step) {
    Program server([&] {
      if (!be_server()) return;
      ForeignServer foreign(path + "/point", 8);
      const wire::ForeignHello hello{wire::kForeignMagic, wire::kForeignVersion, 0, 0};
      if (step % 6 == 0) {
        const os::Fd socket = connected();
        (void)send_raw(socket.get(), {reinterpret_cast<const uint8_t*>(&hello), sizeof(hello)}, {foreign.device()});
        ::kill(::getpid(), SIGKILL);  // before it hears
      }
      if (step % 6 == 1) {
        const os::Fd socket = connected();
        (void)send_raw(socket.get(), {reinterpret_cast<const uint8_t*>(&hello), sizeof(hello)}, {foreign.device()});
        ::usleep(static_cast<useconds_t>(step) * 1000);
        ::kill(::getpid(), SIGKILL);
      }
      if (foreign.connect() != Reason::kNone) return;
      const os::Fd file = opened(path + "/file", O_RDWR);
      if (step % 6 == 2) ::kill(::getpid(), SIGKILL);
      for (int i = 0; i < 10; ++i) (void)foreign.grant(i % 2, file.get());
      if (step % 6 == 3) ::kill(::getpid(), SIGKILL);
      const wire::BackingRequest request{wire::BackingOp::kOpen, 0};
      for (int i = 0; i < 20; ++i) {
        (void)send_raw(foreign.channel(i % 2), {reinterpret_cast<const uint8_t*>(&request), sizeof(request)}, {file.get()});
      }
      if (step % 6 == 4) ::usleep(static_cast<useconds_t>(step) * 10);
      ::kill(::getpid(), SIGKILL);  // with replies unread
    });
    EXPECT_TRUE(server.ended(5000)) << step;
  }
  service.expect_as_noted("servers that ended");
}

}  // namespace
}  // namespace sluice::adversary
