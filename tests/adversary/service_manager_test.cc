// Being started by a service manager. Invariants: what is served is one listening SOCK_SEQPACKET socket
// by the kernel's word, or nothing (src/service/activation.h, src/os/listener.cc); a manager that is
// not there, or hostile, holds nothing up; and who waits at the socket is served, by this service or
// by the next.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>

#include "running_service.h"

namespace sluice::adversary {
namespace {

constexpr char kNotify[] = "/run/notify";

struct sockaddr_un address_of(const std::string& name, socklen_t* length) {
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name[0] == '@') address.sun_path[0] = '\0';
  *length = static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + name.size());
  return address;
}

os::Fd bound(int type, const std::string& name) {
  if (name[0] == '/') ::unlink(name.c_str());
  os::Fd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  socklen_t length;
  const auto address = address_of(name, &length);
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const struct sockaddr*>(&address), length), 0) << name;
  if (name[0] == '/') ::chmod(name.c_str(), 0666);
  return socket;
}
os::Fd listening(int type) {
  os::Fd socket = bound(type, kSocket);
  EXPECT_EQ(::listen(socket.get(), 16), 0);
  return socket;
}

// What it was told: a datagram a line or more.
class Manager {
 public:
  explicit Manager(const std::string& name) : socket_(bound(SOCK_DGRAM, name)) {}
  // Whether it is told this within the time, after what was heard of before.
  bool hears(const std::string& what, int milliseconds) {
    return eventually(milliseconds, [&] {
      take();
      const size_t at = said_.find(what, heard_);
      if (at != std::string::npos) heard_ = at + what.size();
      return at != std::string::npos;
    });
  }
  void forget() {
    take();
    heard_ = said_.size();
  }

 private:
  void take() {
    char text[4096];
    for (ssize_t length; (length = ::recv(socket_.get(), text, sizeof(text), MSG_DONTWAIT)) > 0;) {
      said_.append(text, static_cast<size_t>(length)).append("\n");
    }
  }
  os::Fd socket_;
  std::string said_;
  size_t heard_ = 0;
};

struct Environment {
  std::string pid = "own", fds = "1", names = "sluice.socket";  // empty: not set
  std::string notify = {};
  std::string watchdog = {};  // of this process, microseconds
};
void put(const char* name, const std::string& value) {
  if (!value.empty()) ::setenv(name, value.c_str(), 1);
}
// As systemd starts it: the sockets from descriptor 3 on.
std::unique_ptr<Program> start(const std::vector<int>& given, const Environment& environment,
                               const std::vector<std::string>& options = {}) {
  std::vector<std::string> argv = {kSluiced, "--listen-fds"};
  argv.insert(argv.end(), options.begin(), options.end());
  return std::make_unique<Program>(argv, work_dir() + "/service.log", [&] {
    // Above first, so that none is closed before it was copied.
    for (size_t i = 0; i < given.size(); ++i) ::dup2(given[i], 200 + static_cast<int>(i));
    for (size_t i = 0; i < given.size(); ++i) ::dup2(200 + static_cast<int>(i), 3 + static_cast<int>(i));
    const std::string own = std::to_string(::getpid());
    put("LISTEN_PID", environment.pid == "own" ? own : environment.pid);
    put("LISTEN_FDS", environment.fds);
    put("LISTEN_FDNAMES", environment.names);
    put("NOTIFY_SOCKET", environment.notify);
    put("WATCHDOG_USEC", environment.watchdog);
    put("WATCHDOG_PID", environment.watchdog.empty() ? "" : own);
  });
}

bool serves() {
  static const std::string source = make_source("source", kVictim);
  return in_process(kVictim, 8, [&] {
    const os::Fd directory(::open(source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    os::Fd connection;
    const Heard answer = ask(view_hello(kVictim), {directory.get()}, &connection);
    char content[16] = {};
    const os::Fd file(::openat(answer.mount.get(), "file", O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(::read(file.get(), content, sizeof(content)), 8) << "not served";
  });
}
void expect_ends(Program& service) {
  service.signal(SIGTERM);
  EXPECT_TRUE(service.ended(4000)) << "does not end";
  EXPECT_EQ(service.status(), 0) << service.output();
}

ATTACK(ServiceManager, TheGivenSocketIsServedAndTheManagerHears) {
  for (const std::string& notify : {std::string(kNotify), std::string("@sluice-notify")}) {
    SCOPED_TRACE(notify);
    Manager manager(notify);
    const os::Fd socket = listening(SOCK_SEQPACKET);
    const auto service = start({socket.get()}, {.notify = notify});
    EXPECT_TRUE(manager.hears("READY=1", 5000)) << service->output();
    // From within its confinement: the socket was connected before.
    EXPECT_TRUE(serves());
    EXPECT_TRUE(manager.hears("STATUS=1 views", 3000));
    EXPECT_TRUE(manager.hears("STATUS=0 views", 3000));
    expect_ends(*service);
    EXPECT_TRUE(manager.hears("STOPPING=1", 0));
    EXPECT_EQ(::access(kSocket, F_OK), 0) << "the manager's socket was removed";
  }
}

ATTACK(ServiceManager, WhatIsNotOneListeningSocketIsRefusedByName) {
  const os::Fd good = listening(SOCK_SEQPACKET);
  const os::Fd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const os::Fd deaf(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const os::Fd internet(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  (void)::listen(internet.get(), 1);
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
  const struct {
    std::vector<int> given;
    Environment environment;
    std::string says;
  } cases[] = {
      {{good.get()}, {.pid = "1"}, "LISTEN_PID"},
      {{good.get()}, {.pid = ""}, "LISTEN_PID"},
      {{good.get()}, {.pid = "own of another"}, "LISTEN_PID"},
      {{good.get()}, {.fds = ""}, "LISTEN_FDS is not set"},
      {{good.get()}, {.fds = "0"}, "LISTEN_FDS is not 1"},
      {{good.get(), good.get()}, {.fds = "2", .names = "a:b"}, "LISTEN_FDS is not 1"},
      {{good.get()}, {.fds = "-1"}, "LISTEN_FDS is not 1"},
      {{good.get()}, {.fds = "1x"}, "LISTEN_FDS is not 1"},
      {{good.get()}, {.fds = "4294967297"}, "LISTEN_FDS is not 1"},
      {{good.get()}, {.names = "a:b"}, "LISTEN_FDNAMES"},
      {{}, {}, "descriptor 3"},
      {{file.get()}, {}, "descriptor 3"},
      {{deaf.get()}, {}, "descriptor 3"},
      {{internet.get()}, {}, "descriptor 3"},
      {{pair[0]}, {}, "descriptor 3"},
  };
  for (const auto& one : cases) {
    const auto service = start(one.given, one.environment);
    EXPECT_TRUE(service->ended(5000)) << one.says << ": it serves";
    EXPECT_EQ(service->status(), 1) << one.says;
    EXPECT_NE(service->output().find(one.says), std::string::npos) << one.says << ": " << service->output();
    EXPECT_NE(service->output().find("try="), std::string::npos) << service->output();
  }
  const os::Fd stream = listening(SOCK_STREAM);
  const auto service = start({stream.get()}, {});
  EXPECT_TRUE(service->ended(5000)) << "a SOCK_STREAM socket is served";
  EXPECT_NE(service->output().find("descriptor 3"), std::string::npos) << service->output();
}

ATTACK(ServiceManager, DescriptorsBesideTheSocketAreClosed) {
  const os::Fd socket = listening(SOCK_SEQPACKET);
  const os::Fd file(::open("/dev/zero", O_RDWR | O_CLOEXEC));
  const auto service = start({socket.get(), file.get(), file.get()}, {});
  EXPECT_TRUE(serves());
  for (int number = 3; number < 100; ++number) {
    char link[64] = {};
    const std::string path = "/proc/" + std::to_string(service->pid()) + "/fd/" + std::to_string(number);
    (void)!::readlink(path.c_str(), link, sizeof(link) - 1);
    EXPECT_STRNE(link, "/dev/zero") << number;
  }
  expect_ends(*service);
}

ATTACK(ServiceManager, AManagerThatIsNotThereOrDoesNotListenHoldsNothingUp) {
  const os::Fd socket = listening(SOCK_SEQPACKET);
  for (const std::string& notify : {std::string("/run/none"), std::string("relative"), std::string("@"),
                                    std::string("/"), std::string(200, 'x'), std::string("vsock:2:1")}) {
    const auto service = start({socket.get()}, {.notify = notify, .watchdog = "20000"});
    EXPECT_TRUE(serves()) << notify;
    EXPECT_NE(service->output().find("event=no-notification"), std::string::npos) << notify;
    expect_ends(*service);
  }
  // One that never reads: its queue is full after some words.
  const os::Fd deaf = bound(SOCK_DGRAM, kNotify);
  const auto service = start({socket.get()}, {.notify = kNotify, .watchdog = "20000"});
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(serves());
  expect_ends(*service);
}

ATTACK(ServiceManager, TheWatchdogHearsTheLoopAndOnlyTheLoop) {
  Manager manager(kNotify);
  const os::Fd socket = listening(SOCK_SEQPACKET);
  const auto service = start({socket.get()}, {.notify = kNotify, .watchdog = "400000"});
  EXPECT_TRUE(manager.hears("READY=1", 5000));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(manager.hears("WATCHDOG=1", 400)) << i;
  service->signal(SIGSTOP);
  ::usleep(100'000);
  manager.forget();
  EXPECT_FALSE(manager.hears("WATCHDOG=1", 800)) << "of a process that does not run";
  service->signal(SIGCONT);
  EXPECT_TRUE(manager.hears("WATCHDOG=1", 400));
  expect_ends(*service);
}

ATTACK(ServiceManager, TheWatchdogOfAnotherProcessIsNotFed) {
  Manager manager(kNotify);
  const os::Fd socket = listening(SOCK_SEQPACKET);
  Program service({kSluiced, "--listen-fds"}, work_dir() + "/service.log", [&] {
    ::dup2(socket.get(), 3);
    ::setenv("LISTEN_FDS", "1", 1);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("NOTIFY_SOCKET", kNotify, 1);
    ::setenv("WATCHDOG_USEC", "100000", 1);
    ::setenv("WATCHDOG_PID", "1", 1);
  });
  EXPECT_TRUE(manager.hears("READY=1", 5000));
  EXPECT_FALSE(manager.hears("WATCHDOG=1", 500));
  expect_ends(service);
}

ATTACK(ServiceManager, IdleItEndsAndWhoComesThenIsServedByTheNext) {
  const os::Fd socket = listening(SOCK_SEQPACKET);
  auto service = start({socket.get()}, {}, {"--idle-exit", "1"});
  EXPECT_TRUE(serves());
  // A view keeps it, however quiet it is.
  const std::string source = make_source("kept", kVictim);
  const os::Fd directory(::open(source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  os::Fd connection;
  {
    const Heard view = ask(view_hello(kVictim), {directory.get()}, &connection);
    EXPECT_TRUE(view.mount);
    EXPECT_FALSE(service->ended(2500)) << "ends with a view";
    connection.reset();
  }
  EXPECT_TRUE(service->ended(4000)) << "stays without one";
  EXPECT_EQ(service->status(), 0) << service->output();
  EXPECT_EQ(::access(kSocket, F_OK), 0);
  // Between two services: the peer waits, and hears from the next one.
  const os::Fd peer = connected();
  ASSERT_TRUE(peer);
  ASSERT_TRUE(send_raw(peer.get(), wire::encode_hello(wire::Hello{})));
  service = start({socket.get()}, {}, {"--idle-exit", "1"});
  const Heard answer = hear(peer.get());
  EXPECT_FALSE(answer.closed || answer.nothing) << "who waited was not served";
  EXPECT_TRUE(service->ended(4000));
}

// Comes again and again at the moment when the service gives up waiting.
ATTACK_WITHIN(ServiceManager, NobodyIsLostAtTheMomentOfTheIdleEnd, 60) {
  const os::Fd socket = listening(SOCK_SEQPACKET);
  std::unique_ptr<Program> service;
  int served_by_the_next = 0;
  for (int i = 0; i < 12 * persistence(); ++i) {
    if (!service || service->ended(0)) service = start({socket.get()}, {}, {"--idle-exit", "1"});
    EXPECT_TRUE(serves());
    ::usleep(static_cast<useconds_t>(970'000 + 7'000 * (i % 12)));
    const os::Fd peer = connected();
    ASSERT_TRUE(send_raw(peer.get(), wire::encode_hello(wire::Hello{})));
    if (service->ended(200)) {
      ++served_by_the_next;
      service = start({socket.get()}, {}, {"--idle-exit", "1"});
    }
    const Heard answer = hear(peer.get());
    EXPECT_FALSE(answer.closed || answer.nothing) << "lost: " << service->output();
  }
  expect_ends(*service);
  std::printf("served by the next service: %d\n", served_by_the_next);
}

// ---- The socket's path ----

struct Refusal {
  bool ended;
  std::string said;
};
Refusal refused_at(const std::string& path) {
  Program service({kSluiced, "--listen", path}, work_dir() + "/refused.log");
  const bool ended = service.ended(4000);
  EXPECT_TRUE(!ended || service.status() == 1) << path;
  return {ended, service.output()};
}

ATTACK(ServiceManager, ASecondServiceIsRefusedAndTheFirstGoesOn) {
  RunningService first;
  const Refusal second = refused_at(kSocket);
  EXPECT_TRUE(second.ended) << "two services at one path";
  EXPECT_NE(second.said.find("socket-taken"), std::string::npos) << second.said;
  EXPECT_NE(second.said.find("try="), std::string::npos) << second.said;
  first.expect_serves_others("beside a second service that was refused");
}

ATTACK(ServiceManager, AStaleSocketIsReplacedAndNothingElseIs) {
  {
    const os::Fd gone = listening(SOCK_SEQPACKET);
  }
  ASSERT_EQ(::chmod(kSocket, 0600), 0);
  RunningService service;
  service.expect_serves_others("at the place of a stale socket");
  const std::string file = work_dir() + "/file";
  write_all(file, "precious", 0);
  EXPECT_TRUE(refused_at(file).ended);
  EXPECT_EQ(read_all(file), "precious");
  const std::string link = work_dir() + "/link";
  ASSERT_EQ(::symlink(file.c_str(), link.c_str()), 0);
  const Refusal at_link = refused_at(link);
  EXPECT_TRUE(at_link.ended);
  EXPECT_NE(at_link.said.find("socket-taken"), std::string::npos) << at_link.said;
  // Somebody's, although nobody can connect to it as this service would.
  const std::string other = work_dir() + "/stream";
  const os::Fd stream = bound(SOCK_STREAM, other);
  ASSERT_EQ(::listen(stream.get(), 1), 0);
  EXPECT_TRUE(refused_at(other).ended);
  EXPECT_EQ(::access(other.c_str(), F_OK), 0) << "another program's socket was removed";
}

ATTACK(ServiceManager, ADirectoryInWhichOthersCouldReplaceTheSocketIsRefused) {
  const std::string above = work_dir() + "/above";
  const std::string directory = above + "/directory";
  ::mkdir(above.c_str(), 0755);
  ::mkdir(directory.c_str(), 0755);
  const struct {
    uint32_t owner_above, mode_above, owner, mode;
  } cases[] = {{0, 0755, 0, 0775},       {0, 0755, 0, 0777},       {0, 0755, 0, 02775}, {0, 0755, kVictim, 0755},
               {kVictim, 0755, 0, 0755}, {0, 0777, 0, 0755},       {0, 0775, 0, 0700}};
  for (const auto& one : cases) {
    ASSERT_EQ(::chown(above.c_str(), one.owner_above, one.owner_above), 0);
    ASSERT_EQ(::chmod(above.c_str(), one.mode_above), 0);
    ASSERT_EQ(::chown(directory.c_str(), one.owner, one.owner), 0);
    ASSERT_EQ(::chmod(directory.c_str(), one.mode), 0);
    const Refusal refusal = refused_at(directory + "/socket");
    EXPECT_TRUE(refusal.ended) << std::oct << one.owner << " " << one.mode << ", above " << one.owner_above << " "
                               << one.mode_above;
    EXPECT_NE(refusal.said.find("socket-directory"), std::string::npos) << refusal.said;
  }
  // A sticky one is as good: nobody removes there what is not theirs.
  ASSERT_EQ(::chown(above.c_str(), 0, 0), 0);
  ASSERT_EQ(::chmod(above.c_str(), 01777), 0);
  Manager manager(kNotify);
  Program service({kSluiced, "--listen", directory + "/socket"}, work_dir() + "/sticky.log",
                  [] { ::setenv("NOTIFY_SOCKET", kNotify, 1); });
  EXPECT_TRUE(manager.hears("READY=1", 4000)) << service.output();
  expect_ends(service);
}

ATTACK(ServiceManager, WithoutTheFuseDeviceAViewIsRefusedByName) {
  const std::string source = make_source("source", kVictim);
  // In the mount namespace of this attack, in which the source is too.
  ASSERT_EQ(::mount("none", "/dev", "tmpfs", 0, nullptr), 0);
  ASSERT_EQ(::mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3)), 0);
  RunningService service;
  in_process(kVictim, 5, [&] {
    const os::Fd directory(::open(source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    const Heard answer = ask(view_hello(kVictim), {directory.get()});
    EXPECT_FALSE(answer.mount);
    EXPECT_EQ(static_cast<int>(answer.reason), static_cast<int>(core::Reason::kNoFuseDevice));
  });
  EXPECT_NE(service.log().find("no-fuse-device"), std::string::npos) << service.log();
}

}  // namespace
}  // namespace sluice::adversary
