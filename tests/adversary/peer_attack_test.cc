// What a peer sends to the service: descriptors of any kind, in any number, and what must come of it,
// a refusal with a reason. Invariant of all: a hello is served in a process of its own, which takes
// descriptors only where one belongs, and looks at no filesystem that could keep it waiting
// (src/service/setup.h); the main process takes none from peers and serves others meanwhile.
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <memory>

#include "core/limits.h"
#include "core/reason_text.h"
#include "foreign_server.h"
#include "hostile_worker.h"
#include "mute_server.h"
#include "running_service.h"

namespace sluice::adversary {
namespace {

os::Fd opened(const std::string& path, int flags) { return os::Fd(::open(path.c_str(), flags | O_CLOEXEC)); }
std::string by_number(const os::Fd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }

// Gets the reason; the mount never.
void refused(const char* what, const os::Fd& fd, const char* reason) {
  ASSERT_TRUE(fd) << what << ": " << std::strerror(errno);
  const Heard heard = ask(view_hello(kUser), {fd.get()});
  EXPECT_EQ(core::reason_name(heard.reason), reason) << what;
  EXPECT_FALSE(heard.closed || heard.nothing) << what;
  EXPECT_FALSE(heard.mount) << what;
}

// Invariant: the source is a directory, held with O_PATH, on a filesystem of the list.
ATTACK(PeerAttack, SourcesOfEveryOtherKind) {
  RunningService service;
  const std::string source = make_source("source", kUser);
  service.note();
  refused("a directory for reading", opened(source, O_RDONLY), "source-not-path-fd");
  refused("a file for reading", opened(source + "/file", O_RDONLY), "source-not-path-fd");
  refused("a file for writing", opened(source + "/file", O_WRONLY), "source-not-path-fd");
  refused("a file", opened(source + "/file", O_PATH), "source-not-directory");
  ASSERT_EQ(::symlink("/", (source + "/link").c_str()), 0);
  refused("a symlink", opened(source + "/link", O_PATH | O_NOFOLLOW), "source-not-directory");
  ASSERT_EQ(::mkfifo((source + "/fifo").c_str(), 0666), 0);
  refused("a fifo", opened(source + "/fifo", O_PATH), "source-not-directory");
  for (const char* path : {"/proc", "/proc/self/fd", "/proc/self/task", "/sys", "/proc/version"}) {
    refused(path, opened(path, O_PATH), "source-filesystem");
  }
  for (const char* path : {"/dev/null", "/dev/fuse", "/dev/ptmx"}) {
    const os::Fd fd = opened(path, O_PATH);
    const Heard heard = ask(view_hello(kUser), {fd.get()});
    EXPECT_TRUE(heard.reason == core::Reason::kSourceFilesystem || heard.reason == core::Reason::kSourceNotDirectory)
        << path << core::reason_name(heard.reason);
    EXPECT_FALSE(heard.mount);
    refused(path, opened(path, O_RDWR | O_NONBLOCK), "source-not-path-fd");
  }
  const std::string groups = work_dir() + "/cgroup";
  ASSERT_EQ(::mkdir(groups.c_str(), 0755), 0);
  ASSERT_EQ(::mount("cgroup2", groups.c_str(), "cgroup2", 0, nullptr), 0) << std::strerror(errno);
  refused("cgroupfs", opened(groups, O_PATH), "source-filesystem");
  refused("a file of cgroupfs", opened(groups + "/cgroup.procs", O_PATH), "source-filesystem");
  // What has no name in any tree.
  const os::Fd memory(::memfd_create("memory", MFD_CLOEXEC));
  const os::Fd process(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  const os::Fd space = opened("/proc/self/ns/mnt", O_RDONLY);
  const os::Fd terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  const os::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  for (const os::Fd* fd : {&memory, &process, &space, &terminal, &socket}) {
    refused("without a name", *fd, "source-not-path-fd");
    const os::Fd bare = opened(by_number(*fd), O_PATH);
    if (!bare) continue;  // a socket cannot be opened so
    const Heard heard = ask(view_hello(kUser), {bare.get()});
    EXPECT_NE(core::reason_name(heard.reason), "none") << by_number(*fd);
    EXPECT_FALSE(heard.mount);
  }
  service.expect_as_noted("sources of other kinds");
}

// Invariant: passthrough does not stack, so FUSE and overlayfs are no sources; and the set-up process
// finds out without a request to the filesystem's server.
ATTACK(PeerAttack, SourcesOnStackedFilesystems) {
  RunningService service;
  const std::string base = work_dir() + "/stack";
  ASSERT_EQ(::mkdir(base.c_str(), 0755), 0);
  ASSERT_EQ(::mount("tmpfs", base.c_str(), "tmpfs", 0, "mode=755"), 0);
  for (const char* name : {"/lower", "/upper", "/work", "/merged"}) ::mkdir((base + name).c_str(), 0755);
  const std::string options = "lowerdir=" + base + "/lower,upperdir=" + base + "/upper,workdir=" + base + "/work";
  need(::mount("overlay", (base + "/merged").c_str(), "overlay", 0, options.c_str()) == 0, "overlayfs");
  MuteServer server(work_dir() + "/fuse");
  service.note();
  refused("overlayfs", opened(base + "/merged", O_PATH | O_DIRECTORY), "source-stacked");
  refused("FUSE", opened(server.path(), O_PATH | O_DIRECTORY), "source-stacked");
  const os::Fd silent = opened(server.path(), O_PATH | O_DIRECTORY);
  server.fall_silent();
  refused("FUSE that never answers", silent, "source-stacked");
  service.expect_as_noted("stacked sources");
}

// A file whose close never returns: the set-up process that got it cannot even be killed. Invariant:
// such processes are as many as one user may have newcomers, for as long as they stay, and others are
// served beside them.
ATTACK_WITHIN(PeerAttack, FilesWhoseCloseNeverReturns, 40) {
  RunningService service;
  service.note();
  {
    auto server = std::make_unique<MuteServer>(work_dir() + "/fuse");
    Program peer([&] {
      // Only here: who has a copy waits in its own end, too.
      std::vector<os::Fd> files, connections;
      for (int i = 0; i < 20; ++i) files.push_back(opened(server->file(), O_RDONLY));
      if (!files.back() || ::setresuid(kUser, kUser, kUser) != 0) ::_exit(1);
      server->fall_silent();
      for (size_t i = 0; i < files.size(); ++i) {
        // The second half once the first has lost its places.
        if (i == files.size() / 2) ::usleep((core::Limits::kSetupSeconds * 1000 + 1500) * 1000);
        connections.push_back(connected());
        (void)send_raw(connections.back().get(), wire::encode_hello(view_hello(kUser)), {files[i].get()});
      }
      ::pause();
    });
    ::usleep(500'000);
    service.expect_serves_others("beside files that cannot be closed");
    ::usleep((core::Limits::kSetupSeconds * 1000 + 2000) * 1000);
    service.expect_serves_others("after their time");
    size_t stuck = 0;
    for (const Found& process : processes()) stuck += process.parent == service.maker();
    EXPECT_GT(stuck, 0u) << "nothing was kept waiting: the test shows nothing";
    EXPECT_LE(stuck, core::Limits::kSetupsPerUser) << "unkillable processes of one user pile up";
    server.reset();  // first: the peer's own end waits for it
  }
  service.expect_as_noted("files whose close never returns");
}

// Invariant: at most one descriptor is taken, and only with the hello that asks for a view; what else
// came is closed by the kernel or by the set-up process, and ends in a refusal.
ATTACK(PeerAttack, DescriptorsThatDoNotBelong) {
  RunningService service;
  const std::string source = make_source("source", kUser);
  service.note();
  const os::Fd directory = opened(source, O_PATH | O_DIRECTORY);
  const int fd = directory.get();
  wire::Hello list;
  wire::Hello end;
  end.kind = wire::HelloKind::kEnd;
  end.name = "none";
  for (const size_t count : {size_t{1}, size_t{2}, size_t{15}, size_t{16}, size_t{17}, size_t{253}}) {
    const std::vector<int> many(count, fd);
    for (const wire::Hello& hello : {list, end}) {
      EXPECT_EQ(core::reason_name(ask(hello, many).reason), "protocol") << count;
    }
    if (count == 1) continue;
    const Heard heard = ask(view_hello(kUser), many);
    EXPECT_EQ(core::reason_name(heard.reason), "protocol") << count << " sources";
    EXPECT_FALSE(heard.mount);
  }
  EXPECT_EQ(core::reason_name(ask(view_hello(kUser), {}).reason), "protocol") << "no source";
  for (const size_t count : {size_t{1}, size_t{2}, size_t{253}}) {
    const os::Fd socket = connected();
    ASSERT_TRUE(send_raw(socket.get(), {}, std::vector<int>(count, fd))) << "an empty message";
    const Heard heard = hear(socket.get());
    EXPECT_TRUE(heard.closed || heard.reason == core::Reason::kProtocol) << count;
  }
  service.expect_as_noted("descriptors that do not belong");
}

// Invariant: the connection is gone with its set-up process, whatever is on its way in it.
ATTACK(PeerAttack, ASocketOverItself) {
  RunningService service;
  service.note();
  int answered = 0;
  for (int round = 0; round < 30; ++round) {
    const os::Fd socket = connected();
    const os::Fd other = connected();
    // Each in the other's queue, and each in its own.
    (void)send_raw(socket.get(), wire::encode_hello(view_hello(kUser)), {socket.get()});
    (void)send_raw(other.get(), wire::encode_hello(wire::Hello{}), {socket.get(), other.get()});
    (void)send_raw(socket.get(), wire::encode_hello(wire::Hello{}), {other.get()});
    if (round % 2 != 0) continue;
    const core::Reason reason = hear(socket.get()).reason;
    // The kernel collects such sockets when it likes; until then the rounds before are set-ups that are under way.
    if (reason == core::Reason::kLimitSetups) {
      std::this_thread::sleep_for(std::chrono::milliseconds{100});
      continue;
    }
    EXPECT_EQ(core::reason_name(reason), "source-not-path-fd");
    ++answered;
  }
  EXPECT_GT(answered, 0);
  service.expect_as_noted("sockets over themselves");
}

// Invariant: what the kernel says of a peer counts, not what it says of itself.
ATTACK(PeerAttack, ForgedCredentials) {
  RunningService service;
  const std::string source = make_source("source", kUser);
  service.note();
  in_process(kUser, 10, [&] {
    const os::Fd directory = opened(source, O_PATH | O_DIRECTORY);
    for (const uint32_t uid : {0u, kVictim, ~0u - 1}) {
      const Heard heard = ask(view_hello(uid), {directory.get()});
      EXPECT_EQ(core::reason_name(heard.reason), "not-permitted") << uid;
      EXPECT_FALSE(heard.mount);
    }
    wire::Hello hello = view_hello(kUser);
    hello.preserve = true;
    EXPECT_EQ(core::reason_name(ask(hello, {directory.get()}).reason), "not-permitted");
    hello = view_hello(kUser);
    hello.gid = 0;
    EXPECT_EQ(core::reason_name(ask(hello, {directory.get()}).reason), "not-permitted");
    // Groups that it does not have are not its view's: the kernel's list is.
    hello = view_hello(kUser);
    hello.groups = {0, 6};
    os::Fd connection;
    const Heard heard = ask(hello, {directory.get()}, &connection);
    EXPECT_EQ(core::reason_name(heard.reason), "none");
  });
  service.expect_as_noted("forged credentials");
}

// Clears these flags of a mount, detached or attached; 0 or the errno.
int clear_flags(int mount, uint64_t flags) {
  struct mount_attr attributes {};
  attributes.attr_clr = flags;
  return ::syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) == 0 ? 0 : errno;
}

// Invariant: nosuid, nodev and read-only of a view stay, in a user namespace of its owner's own, too: with a worker
// that was taken over there would otherwise be device nodes that this user can open, of any disk.
ATTACK(PeerAttack, FlagsOfTheMountThatItGets) {
  RunningService service;
  const std::string source = make_source("source", kUser);
  ASSERT_EQ(::mkdir((work_dir() + "/at").c_str(), 0777), 0);
  service.note();
  for (const bool read_only : {false, true}) {
    in_process(kUser, 10, [&] {
      const os::Fd directory = opened(source, O_PATH | O_DIRECTORY);
      wire::Hello hello = view_hello(kUser);
      hello.read_only = read_only;
      os::Fd connection;
      const Heard heard = ask(hello, {directory.get()}, &connection);
      ASSERT_TRUE(heard.mount);
      enter_own_namespaces();
      const int mount = heard.mount.get();
      std::vector<uint64_t> each = {MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
      if (read_only) each.push_back(MOUNT_ATTR_RDONLY);
      for (const uint64_t flags : each) EXPECT_EQ(clear_flags(mount, flags), EPERM) << "detached " << flags;
      ASSERT_EQ(::syscall(SYS_move_mount, mount, "", AT_FDCWD, (work_dir() + "/at").c_str(), MOVE_MOUNT_F_EMPTY_PATH), 0);
      for (const uint64_t flags : each) EXPECT_EQ(clear_flags(mount, flags), EPERM) << "attached " << flags;
      const os::Fd copy(static_cast<int>(::syscall(SYS_open_tree, mount, "", AT_EMPTY_PATH | OPEN_TREE_CLONE)));
      ASSERT_TRUE(copy);
      for (const uint64_t flags : each) EXPECT_EQ(clear_flags(copy.get(), flags), EPERM) << "a copy " << flags;
      EXPECT_EQ(::mount(nullptr, (work_dir() + "/at").c_str(), nullptr, MS_REMOUNT | MS_BIND, nullptr), -1);
      struct statvfs shown {};
      ASSERT_EQ(::statvfs((work_dir() + "/at").c_str(), &shown), 0);
      EXPECT_EQ(shown.f_flag & (ST_NOSUID | ST_NODEV), unsigned{ST_NOSUID | ST_NODEV});
      EXPECT_EQ((shown.f_flag & ST_RDONLY) != 0, read_only);
      // It is this user's to take off all the same.
      EXPECT_EQ(::umount2((work_dir() + "/at").c_str(), MNT_DETACH), 0) << std::strerror(errno);
    });
  }
  service.expect_as_noted("the flags of its mount");
}

}  // namespace
}  // namespace sluice::adversary
