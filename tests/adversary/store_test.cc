// A service that ends, and the next one. Invariants: views, what is open in them and their processes go on while there is no
// service, and the next takes them over with all that it has to know (src/service/takeover.cc); of what it is handed it takes
// nothing that the kernel does not vouch for, and refuses that view alone (src/service/store.cc).
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>

#include "core/grafts.h"
#include "core/limits.h"
#include "core/reason_text.h"
#include "os/socket.h"
#include "running_service.h"
#include "wire/stored_view.h"

namespace sluice::adversary {
namespace {

constexpr char kNotify[] = "/run/notify";
constexpr size_t kMostFds = 32;

struct sockaddr_un address_of(const char* path) {
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path);
  return address;
}
os::Fd bound(int type, const char* path) {
  os::Fd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  const auto address = address_of(path);
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const struct sockaddr*>(&address), sizeof(address)), 0) << path;
  EXPECT_EQ(::chmod(path, 0666), 0);
  return socket;
}

bool soon(int milliseconds, const std::function<bool()>& so);

// In the service manager's place: it has the socket that is listened at, and what is stored with it.
class Host {
 public:
  using Stored = std::vector<std::pair<std::string, int>>;  // borrowed

  Host() : listener_(bound(SOCK_SEQPACKET, kSocket)), notified_(bound(SOCK_DGRAM, kNotify)) {
    EXPECT_EQ(::listen(listener_.get(), 16), 0);
    current_ = this;
  }
  ~Host() { current_ = nullptr; }

  // What the manager does whenever somebody waits for something. No thread does it: processes are forked here, which would
  // have its locks.
  static void work() {
    if (current_ != nullptr) current_->hear();
  }

  // options: of the service, from now on.
  void start(const std::vector<std::string>& options) {
    options_ = options;
    start();
  }
  void start() { start(stored()); }
  void start(const Stored& given) {
    const size_t before = readies_;
    std::vector<std::string> argv = {kSluiced, "--listen-fds"};
    if (stores_) argv.emplace_back("--store-views");
    argv.insert(argv.end(), options_.begin(), options_.end());
    service_ = std::make_unique<Program>(argv, log_path(), [&] {
          std::string names = "sluice.socket";
          std::vector<int> fds = {listener_.get()};
          for (const auto& [name, fd] : given) {
            names += ":" + name;
            fds.push_back(fd);
          }
          // Above first, so that none is closed before it was copied.
          const int count = static_cast<int>(fds.size());
          for (int i = 0; i < count; ++i) ::dup2(fds[static_cast<size_t>(i)], 300 + i);
          for (int i = 0; i < count; ++i) ::dup2(300 + i, 3 + i);
          ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
          ::setenv("LISTEN_FDS", std::to_string(count).c_str(), 1);
          ::setenv("LISTEN_FDNAMES", names.c_str(), 1);
          ::setenv("NOTIFY_SOCKET", kNotify, 1);
        });
    EXPECT_TRUE(soon(8000, [&] { return readies_ > before || service_->ended(0); }) && !service_->ended(0)) << log();
  }
  // As with SIGKILL; as when it is told to end. Returns when it has.
  void kill() {
    service_->signal(SIGKILL);
    EXPECT_TRUE(soon(4000, [&] { return service_->ended(0); }));
  }
  void terminate() {
    service_->signal(SIGTERM);
    EXPECT_TRUE(soon(8000, [&] { return service_->ended(0); })) << "does not end: " << log();
    EXPECT_EQ(service_->status(), 0) << log();
  }
  // Within some seconds: of the service as it is.
  bool logs(const std::string& what) const {
    const bool said = soon(4000, [&] { return log().find(what) != std::string::npos; });
    EXPECT_TRUE(said) << what << ": " << log();
    return said;
  }
  std::string log() const { return read_all(log_path()); }

  Stored stored() const {
    work();
    Stored all;
    for (const auto& [name, fd] : stored_) all.emplace_back(name, fd.get());
    return all;
  }
  // Nobody does, as in a container without an init.
  // From the next service on.
  void without_the_option() { stores_ = false; }
  void listen(bool listens) { listens_ = listens; }
  void reap_nobody() { reaps_ = false; }
  size_t stored_views() const { return stored().size(); }
  void let_go_of(const std::string& name) {
    std::erase_if(stored_, [&](const auto& each) { return each.first == name; });
  }
  void forget_all() {
    stored_.clear();
  }

 private:
  static std::string log_path() { return work_dir() + "/service.log"; }

  // As an init does.
  static void reap_orphans() {
    for (const Found& process : processes()) {
      if (process.state == 'Z' && process.parent == ::getpid() && process.name.rfind("sluice-", 0) == 0) ::waitpid(process.pid, nullptr, WNOHANG);
    }
  }
  void hear() {
    std::vector<uint8_t> text(4096);
    if (reaps_) reap_orphans();
    struct pollfd waiting {notified_.get(), POLLIN, 0};
    while (listens_ && ::poll(&waiting, 1, 0) > 0) {
      auto message = os::receive_message(notified_.get(), text, 1);
      if (!message.ok()) continue;
      const std::string said(text.begin(), text.begin() + static_cast<ptrdiff_t>(message->length));
      const size_t at = said.find("FDNAME=");
      const std::string name = at == std::string::npos ? "" : said.substr(at + 7);
      if (said.find("FDSTORE=1") == 0 && !message->fds.empty()) {
        EXPECT_NE(said.find("\nFDPOLL=0\n"), std::string::npos) << said;
        stored_.emplace_back(name, std::move(message->fds[0]));
      } else if (said.find("FDSTOREREMOVE=1") == 0) {
        std::erase_if(stored_, [&](const auto& each) { return each.first == name; });
      } else if (said.find("READY=1") == 0) {
        ++readies_;
      }
    }
  }

  inline static Host* current_ = nullptr;
  std::vector<std::string> options_;
  bool stores_ = true;
  os::Fd listener_, notified_;
  std::unique_ptr<Program> service_;
  std::vector<std::pair<std::string, os::Fd>> stored_;
  size_t readies_ = 0;
  bool reaps_ = true, listens_ = true;
};

os::Fd opened(const char* path, int flags) { return os::Fd(::open(path, flags | O_CLOEXEC)); }
bool soon(int milliseconds, const std::function<bool()>& so) {
  return eventually(milliseconds, [&] {
    Host::work();
    return so();
  });
}

std::vector<pid_t> named(const std::string& name) {
  std::vector<pid_t> pids;
  for (const Found& process : processes()) {
    if (process.name == name && process.state != 'Z') pids.push_back(process.pid);
  }
  return pids;
}
pid_t the(const std::string& name) {
  const auto pids = named(name);
  EXPECT_EQ(pids.size(), 1u) << name;
  return pids.empty() ? -1 : pids[0];
}
void kill_all(const std::string& name) {
  for (const pid_t pid : named(name)) ::kill(pid, SIGKILL);
}
bool none_left() { return named("sluice-broker").empty() && named("sluice-worker").empty(); }

bool reads(const View& view, const char* name = "file", const char* content = "content\n") {
  return in_process(kVictim, 8, [&] {
    char bytes[64] = {};
    const os::Fd file(::open(view.path(name).c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_TRUE(file) << name << ": errno " << errno;
    EXPECT_GE(::read(file.get(), bytes, sizeof(bytes) - 1), 0) << name << ": errno " << errno;
    EXPECT_STREQ(bytes, content) << name;
  });
}
bool is_hidden(const View& view, const char* name) {
  return in_process(kVictim, 8, [&] { EXPECT_EQ(::access(view.path(name).c_str(), F_OK), -1) << name << " is shown"; });
}

std::string source_of_victim() {
  const std::string source = make_source("source", kVictim);
  write_all(source + "/secret", "secret\n", kVictim);
  write_all(source + "/busy", std::string(64, '0'), kVictim);
  return source;
}

// Reads, writes, opens, makes and removes all the time, in a view that it is in.
class User {
 public:
  explicit User(const View& view) : path_(view.path()), program_([this] { work(); }) {}
  // Nothing went wrong, and something went on.
  void expect_content(const std::string& when) {
    const std::string before = progress();
    EXPECT_TRUE(soon(4000, [&] { return progress() != before; })) << when << ": the user of the view is held up";
    EXPECT_FALSE(program_.ended(0)) << when << ": the user of the view ended";
  }
  void stop() {
    program_.signal(SIGTERM);
    program_.ended(4000);
  }

 private:
  static std::string progress() { return read_all(work_dir() + "/progress"); }
  void work() {
    const os::Fd told(::open((work_dir() + "/progress").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    if (::setresgid(kVictim, kVictim, kVictim) != 0 || ::setresuid(kVictim, kVictim, kVictim) != 0) return;
    ASSERT_EQ(::chdir(path_.c_str()), 0);
    const os::Fd busy(::open("busy", O_RDWR | O_CLOEXEC));
    for (uint64_t i = 1;; ++i) {
      char wrote[64], read[64] = {};
      std::snprintf(wrote, sizeof(wrote), "%063llu", static_cast<unsigned long long>(i));
      ASSERT_EQ(::pwrite(busy.get(), wrote, sizeof(wrote), 0), 64);
      ASSERT_EQ(::pread(busy.get(), read, sizeof(read), 0), 64);
      ASSERT_EQ(std::memcmp(wrote, read, sizeof(wrote)), 0) << i;
      const os::Fd other(::open("file", O_RDONLY | O_CLOEXEC));
      ASSERT_EQ(::read(other.get(), read, sizeof(read)), 8) << i << ": errno " << errno;
      struct stat stat;
      ASSERT_EQ(::fstatat(AT_FDCWD, "secret-that-is-not-there", &stat, 0), -1);
      ASSERT_EQ(errno, ENOENT) << i;
      ASSERT_EQ(::mkdir("made", 0755), 0) << i << ": errno " << errno;
      ASSERT_EQ(::rmdir("made"), 0) << i << ": errno " << errno;
      ASSERT_GT(::pwrite(told.get(), wrote, sizeof(wrote), 0), 0);
    }
  }
  std::string path_;
  Program program_;
};

ATTACK_WITHIN(ServiceStore, AViewAndWhatIsOpenInItGoOnWithoutAServiceAndWithTheNext, 60) {
  const std::string source = source_of_victim();
  Host host;
  host.start();
  auto view = std::make_unique<View>(source, kVictim, std::vector<std::string_view>{"secret"}, false, 0, "view");
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  const pid_t broker = the("sluice-broker");
  pid_t worker = the("sluice-worker");
  User user(*view);
  user.expect_content("before");
  for (const bool killed : {true, false, true}) {
    SCOPED_TRACE(killed ? "killed" : "told to end");
    if (killed) {
      host.kill();
    } else {
      host.terminate();
    }
    user.expect_content("without a service");
    EXPECT_TRUE(reads(*view));
    host.start();
    user.expect_content("with the next");
    EXPECT_EQ(the("sluice-broker"), broker);
    EXPECT_EQ(the("sluice-worker"), worker);
    EXPECT_EQ(host.stored_views(), 1u);
    EXPECT_NE(host.log().find("event=view-taken-over"), std::string::npos) << host.log();
    std::string listed;
    EXPECT_EQ(run_program({kSluice, "ls"}, &listed, 5, [] { ::setenv("SLUICE_SOCKET", kSocket, 1); }), 0);
    EXPECT_NE(listed.find("view-1"), std::string::npos) << listed;
    // It watches over them as the one before did.
    kill_all("sluice-worker");
    user.expect_content("after the end of a worker");
    EXPECT_TRUE(host.logs("event=worker-replaced"));
    worker = the("sluice-worker");
    EXPECT_NE(host.log().find("signal=\"9\""), std::string::npos) << host.log();
    EXPECT_TRUE(reads(*view));
    EXPECT_TRUE(is_hidden(*view, "secret"));
  }
  user.stop();
  // Who holds the view ends it, of whatever service.
  view.reset();
  EXPECT_TRUE(soon(4000, none_left)) << host.log();
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 0; }));
  host.terminate();
  EXPECT_EQ(host.log().find("views-left"), std::string::npos) << host.log();
}

void expect_replaced_meanwhile(const char* process) {
  const std::string source = source_of_victim();
  Host host;
  host.start();
  const View view(source, kVictim, {"secret"});
  User user(view);
  user.expect_content("before");
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  for (int i = 0; i < 3; ++i) {
    if (i == 2) host.reap_nobody();
    host.kill();
    const pid_t before = the(process);
    kill_all(process);
    host.start();
    user.expect_content("after both");
    EXPECT_TRUE(host.logs("event=worker-replaced"));
    EXPECT_TRUE(soon(2000, [&] { return named(process).size() == 1; }));
    EXPECT_NE(the(process), before);
    EXPECT_TRUE(reads(view));
    EXPECT_TRUE(is_hidden(view, "secret"));
  }
  user.stop();
}
ATTACK_WITHIN(ServiceStore, AWorkerThatEndedMeanwhileIsReplaced, 40) { expect_replaced_meanwhile("sluice-worker"); }
ATTACK_WITHIN(ServiceStore, ABrokerThatEndedMeanwhileIsReplaced, 40) { expect_replaced_meanwhile("sluice-broker"); }

// Worker and service, one soon after the other, at any instant of what the other does about it.
ATTACK_WITHIN(ServiceStore, WhateverIsKilledWheneverNothingIsLost, 60) {
  const std::string source = source_of_victim();
  Host host;
  host.start();
  auto view = std::make_unique<View>(source, kVictim, std::vector<std::string_view>{"secret"});
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  User user(*view);
  user.expect_content("before");
  uint64_t state = 0x9E3779B97F4A7C15u;
  const auto pause = [&state](uint64_t most_microseconds) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    ::usleep(static_cast<useconds_t>((state >> 33) % most_microseconds));
  };
  for (int i = 0; i < 40 * persistence(); ++i) {
    SCOPED_TRACE(i);
    pause(20'000);
    kill_all("sluice-worker");
    pause(i % 2 == 0 ? 3'000 : 20'000);
    i % 5 == 4 ? host.terminate() : host.kill();
    pause(10'000);
    if (i % 3 == 0) kill_all("sluice-worker");
    host.start();
    // It forgives one end of a worker in a second; the next service all.
    if (i % 8 == 7) user.expect_content("after some rounds");
  }
  user.expect_content("after all of it");
  EXPECT_TRUE(is_hidden(*view, "secret"));
  user.stop();
  EXPECT_EQ(named("sluice-worker").size(), 1u);
  EXPECT_EQ(named("sluice-broker").size(), 1u);
  view.reset();
  EXPECT_TRUE(soon(4000, none_left)) << host.log();
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 0; }));
}

// With as many grafts as there may be; of every owner, with device nodes and without; tied to nobody, for reading only.
ATTACK_WITHIN(ServiceStore, EveryKindOfViewIsTakenOver, 40) {
  const std::string source = source_of_victim();
  ASSERT_EQ(::mount(source.c_str(), source.c_str(), nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(::mount(nullptr, source.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_NODEV, nullptr), 0);
  Host host;
  host.start(std::vector<std::string>{"--preserve", "--device-nodes"});
  const os::Fd directory = opened(source.c_str(), O_PATH | O_DIRECTORY);
  std::vector<os::Fd> mounts, connections;
  const auto add = [&](const std::function<void(wire::Hello&)>& change) {
    wire::Hello hello = view_hello(kVictim);
    change(hello);
    Heard heard = ask(hello, std::vector<int>(1 + hello.grafts.size(), directory.get()), &connections.emplace_back());
    EXPECT_TRUE(heard.mount) << core::reason_name(heard.reason);
    mounts.push_back(std::move(heard.mount));
  };
  add([](wire::Hello& hello) {
    hello.named_identity = false;
    hello.preserve = true;
  });
  add([](wire::Hello& hello) {
    hello.named_identity = false;
    hello.preserve = hello.device_nodes = true;
  });
  add([](wire::Hello& hello) {
    for (char name = 'a'; hello.grafts.size() < core::kMostGrafts; ++name) {
      EXPECT_EQ(::mkdir((work_dir() + "/source/" + name).c_str(), 0755), 0);
      hello.grafts.push_back({std::string(1, name), name == 'b'});
    }
  });
  add([](wire::Hello& hello) { hello.tied = false, hello.read_only = true; });
  connections.pop_back();
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 4; }));
  host.kill();
  kill_all("sluice-worker");
  host.start();
  const auto serve = [&] {
    for (const os::Fd& mount : mounts) {
      EXPECT_TRUE(in_process(kVictim, 8, [&] {
        char content[16] = {};
        const os::Fd file(::openat(mount.get(), "file", O_RDONLY | O_CLOEXEC));
        EXPECT_EQ(::read(file.get(), content, sizeof(content)), 8) << "errno " << errno;
      })) << host.log();
    }
  };
  serve();
  host.kill();
  host.start();
  serve();
  // Its broker may still, and that of the other one may not: the service that came after was not asked.
  EXPECT_TRUE(in_process(0, 8, [&] {
    EXPECT_EQ(::mknodat(mounts[1].get(), "null", S_IFCHR | 0600, makedev(1, 3)), 0) << "errno " << errno;
    EXPECT_NE(::mknodat(mounts[0].get(), "another", S_IFCHR | 0600, makedev(1, 3)), 0);
  })) << host.log();
  EXPECT_EQ(host.log().find("stored-view-refused"), std::string::npos) << host.log();
  const std::string log = host.log();
  size_t taken = 0;
  for (size_t at = 0; (at = log.find("event=view-taken-over", at)) != std::string::npos; ++at) ++taken;
  EXPECT_EQ(taken, 4u) << log;
}

// What ended meanwhile ends now, for who waits too.
ATTACK_WITHIN(ServiceStore, AViewThatEndedMeanwhileIsGone, 40) {
  const std::string source = source_of_victim();
  for (const std::string what : {"client", "mount"}) {
    SCOPED_TRACE(what);
    Host host;
    host.start();
    auto view = std::make_unique<View>(source, kVictim);
    EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
    host.kill();
    if (what == "client") view.reset();
    if (what == "mount") ::umount2(view->path().c_str(), MNT_DETACH);
    host.start();
    EXPECT_TRUE(soon(4000, none_left)) << host.log();
    EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 0; }));
    EXPECT_NE(host.log().find("event=view-ended"), std::string::npos) << host.log();
    view.reset();
    ::unlink(kSocket), ::unlink(kNotify);
  }
}

// No store any more: as when the service is stopped for good.
ATTACK(ServiceStore, WithoutTheManagersStoreAllEnds) {
  const std::string source = source_of_victim();
  Host host;
  host.start();
  const View view(source, kVictim);
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  host.terminate();
  EXPECT_NE(host.log().find("event=views-left"), std::string::npos) << host.log();
  EXPECT_TRUE(reads(view));
  host.forget_all();
  EXPECT_TRUE(soon(4000, none_left));
  EXPECT_EQ(::access(view.path("file").c_str(), F_OK), -1) << "the connection is held by somebody";
}

// An administrator took the option out of the unit.
ATTACK(ServiceStore, AServiceWithoutTheOptionEndsThem) {
  const std::string source = source_of_victim();
  Host host;
  host.start();
  const View view(source, kVictim);
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  host.terminate();
  host.without_the_option();
  host.start();
  EXPECT_TRUE(soon(4000, none_left)) << host.log();
  EXPECT_EQ(host.stored_views(), 0u);
  EXPECT_NE(host.log().find("what=\"without --store-views\""), std::string::npos) << host.log();
  const View next(source, kVictim, {}, false, 0, "next");
  EXPECT_TRUE(reads(next));
  EXPECT_EQ(host.stored_views(), 0u);
}

// It is told when it listens again; until then it holds nothing.
ATTACK(ServiceStore, AManagerThatDoesNotListenHoldsNoView) {
  const std::string source = source_of_victim();
  Host host;
  host.start();
  auto view = std::make_unique<View>(source, kVictim);
  const View other(source, kVictim, {}, false, 0, "other");
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 2; }));
  host.listen(false);
  wire::Hello end;
  end.kind = wire::HelloKind::kEnd;
  end.name = "view-1";
  EXPECT_FALSE(ask(end, {}).closed);
  // The connection has ended, for who is in the view too.
  const std::string file = view->path("file");
  EXPECT_TRUE(soon(4000, [&] {
    return run_program({"/bin/true"}, nullptr, 2, [&] {
      struct stat stat;
      if (::setresgid(kVictim, kVictim, kVictim) != 0 || ::setresuid(kVictim, kVictim, kVictim) != 0) ::_exit(2);
      ::_exit(::stat(file.c_str(), &stat) == -1 && errno == ENOTCONN ? 0 : 1);
    }) == 0;
  })) << host.log();
  host.listen(true);
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  EXPECT_TRUE(reads(other));
}

ATTACK_WITHIN(ServiceStore, OtherRulesHoldWithTheNextService, 40) {
  const std::string source = source_of_victim();
  Host host;
  host.start();
  const View view(source, kVictim);
  EXPECT_TRUE(reads(view, "secret", "secret\n"));
  EXPECT_EQ(run_program({kSluice, "reload", "view-1", "--hide", "secret"}, nullptr, 5,
                        [] { ::setenv("SLUICE_SOCKET", kSocket, 1); }), 0);
  EXPECT_TRUE(is_hidden(view, "secret"));
  host.kill();
  host.start();
  EXPECT_TRUE(is_hidden(view, "secret"));
  kill_all("sluice-worker");
  EXPECT_TRUE(reads(view));
  EXPECT_TRUE(host.logs("event=worker-replaced"));
  EXPECT_TRUE(is_hidden(view, "secret")) << "by the next worker";
  // Where the worker has ended when the next service tells it, too.
  for (int i = 0; i < 5; ++i) {
    host.kill();
    kill_all("sluice-worker");
    host.start();
    EXPECT_TRUE(reads(view)) << host.log();
    EXPECT_TRUE(is_hidden(view, "secret"));
    EXPECT_TRUE(host.logs("event=worker-replaced"));
  }
  // And others again, which the next service asks the same processes for.
  EXPECT_EQ(run_program({kSluice, "reload", "view-1", "--hide", "file"}, nullptr, 5,
                        [] { ::setenv("SLUICE_SOCKET", kSocket, 1); }), 0);
  EXPECT_TRUE(is_hidden(view, "file"));
  EXPECT_TRUE(reads(view, "secret", "secret\n")) << host.log();
}

// Names, numbers and real uids of views are nobody else's, whichever service gave them.
ATTACK_WITHIN(ServiceStore, ANewViewHasNothingOfAnOldOnes, 40) {
  const std::string source = source_of_victim();
  Host host;
  host.start();
  const View first(source, kVictim, {}, false, 0, "first");
  const View second(source, kVictim, {}, false, 0, "second");
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 2; }));
  host.kill();
  host.start();
  const View third(source, kVictim, {}, false, 0, "third");
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 3; }));
  std::vector<std::string> names, uids;
  for (const auto& [name, fd] : host.stored()) names.push_back(name);
  for (const pid_t broker : named("sluice-broker")) uids.push_back(field_of(broker, "Uid"));
  for (auto* all : {&names, &uids}) {
    std::sort(all->begin(), all->end());
    EXPECT_EQ(std::unique(all->begin(), all->end()) - all->begin(), 3) << (*all)[0];
  }
  for (const View* view : {&first, &second, &third}) EXPECT_TRUE(reads(*view));
}

// ---- What is forged ----

struct Forgery {
  std::vector<uint8_t> bytes;
  std::vector<os::Fd> fds;
  std::string name;
};
// In the order of src/service/store.cc, of a tied view with a worker and without grafts.
enum At { kLink, kDevice, kBroker, kBrokerEvents, kWorkerEvents, kCounters, kWorker, kPeer, kStart, kTable, kChannel, kData = kChannel + 2,
          kRecord, kProgram, kLedger, kBrokerProgram, kRoot, kAll };

Forgery look_into(const std::pair<std::string, int>& stored) {
  std::vector<uint8_t> buffer(wire::kStoredViewMost);
  auto message = os::peek_message(stored.second, buffer, kMostFds);
  EXPECT_TRUE(message.ok() && message->fds.size() == kAll) << (message.ok() ? message->fds.size() : 0);
  if (!message.ok()) return {};
  buffer.resize(message->length);
  return {buffer, std::move(message->fds), stored.first};
}
// A socket in which this waits; its other end is `link`'s, where the record has one.
os::Fd stored_as(Forgery& forgery, bool own_link, uint32_t made_by = 0) {
  EXPECT_EQ(::seteuid(made_by), 0);
  auto pair = os::socket_pair();
  EXPECT_EQ(::seteuid(0), 0);
  EXPECT_TRUE(pair.ok());
  std::vector<int> fds;
  if (own_link && !forgery.fds.empty()) forgery.fds[kLink] = os::Fd(::fcntl(pair->first.get(), F_DUPFD_CLOEXEC, 0));
  for (const os::Fd& fd : forgery.fds) fds.push_back(fd.get());
  for (const os::Fd* end : {&pair->first, &pair->second}) ::fcntl(end->get(), F_SETFL, O_RDWR | O_NONBLOCK);
  EXPECT_TRUE(os::send_message(pair->first.get(), forgery.bytes, fds).ok());
  return std::move(pair->second);
}
os::Fd copied_to_memory(int file) {
  os::Fd memory(::memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  char bytes[65536];
  const ssize_t length = ::pread(file, bytes, sizeof(bytes), 0);
  EXPECT_GT(length, 0);
  EXPECT_EQ(::pwrite(memory.get(), bytes, static_cast<size_t>(length), 0), length);
  return memory;
}
os::Fd channel_of(uint32_t uid) {
  int fds[2];
  EXPECT_EQ(::seteuid(uid), 0);
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
  EXPECT_EQ(::seteuid(0), 0);
  static std::vector<os::Fd> others;
  others.emplace_back(fds[1]);
  return os::Fd(fds[0]);
}
// As many bytes, other content, in place.
void put(std::vector<uint8_t>& bytes, size_t at, uint32_t value) { std::memcpy(bytes.data() + at, &value, sizeof(value)); }

// By the right path: of another mount namespace, which stays for a while.
os::Fd program_elsewhere() {
  auto pair = os::socket_pair();
  EXPECT_TRUE(pair.ok());
  static std::unique_ptr<Program> holder;
  holder = std::make_unique<Program>([&] {
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_EQ(::mount("/bin/true", "/run/bin/sluice-worker", nullptr, MS_BIND, nullptr), 0);
    const os::Fd program = opened("/run/bin/sluice-worker", O_PATH);
    const int fd = program.get();
    const uint8_t word = 1;
    ASSERT_TRUE(os::send_message(pair->first.get(), {&word, 1}, {&fd, 1}).ok());
    ::pause();
  });
  uint8_t word;
  auto message = os::receive_message(pair->second.get(), {&word, 1}, 1);
  EXPECT_TRUE(message.ok() && message->fds.size() == 1);
  return message.ok() && !message->fds.empty() ? std::move(message->fds[0]) : os::Fd();
}

using Change = std::function<void(Forgery&, const Forgery& other)>;
struct Case {
  std::string says;  // what cannot be right
  Change change;
  bool own_link = true;
  uint32_t made_by = 0;
};

std::vector<Case> forgeries() {
  const auto null = [] { return opened("/dev/null", O_RDWR); };
  std::vector<Case> cases = {
      {"record", [](Forgery& of, const Forgery&) { of.bytes.pop_back(); }},
      {"record\" reason=\"version", [](Forgery& of, const Forgery&) { put(of.bytes, 4, 2); }},
      {"record\" reason=\"version", [](Forgery& of, const Forgery&) { put(of.bytes, 4, 0); }},
      {"record", [](Forgery& of, const Forgery&) { put(of.bytes, 92, 1); }},
      {"name", [](Forgery& of, const Forgery&) { of.name = "view-999"; }},
      {"name", [](Forgery& of, const Forgery&) { of.name = "stored"; }},
      {"descriptors", [](Forgery& of, const Forgery&) { of.fds.pop_back(); }},
      {"descriptors", [](Forgery& of, const Forgery&) { of.fds.push_back(opened("/dev/null", O_RDWR)); }},
      {"descriptors", [](Forgery& of, const Forgery&) { of.fds.clear(); }},
      {"descriptors", [](Forgery& of, const Forgery&) { put(of.bytes, 68, 2); }},  // trees
      {"device", [null](Forgery& of, const Forgery&) { of.fds[kDevice] = null(); }},
      {"device", [](Forgery& of, const Forgery& other) { of.fds[kDevice] = os::Fd(::dup(other.fds[kDevice].get())); }},
      {"broker", [null](Forgery& of, const Forgery&) { of.fds[kBroker] = null(); }},
      {"broker", [](Forgery& of, const Forgery&) { of.fds[kBroker] = os::Fd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0))); }},
      {"broker", [](Forgery& of, const Forgery& other) { of.fds[kBroker] = os::Fd(::dup(other.fds[kBroker].get())); }},
      {"broker", [](Forgery& of, const Forgery&) { put(of.bytes, 56, 1); }},
      {"broker", [](Forgery& of, const Forgery&) {  // by a number that it says itself
         of.fds[kBroker] = os::Fd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
         put(of.bytes, 56, static_cast<uint32_t>(::getpid()));
       }},
      {"worker", [](Forgery& of, const Forgery& other) { of.fds[kWorker] = os::Fd(::dup(other.fds[kWorker].get())); }},
      {"worker", [](Forgery& of, const Forgery&) {
         of.fds[kWorker] = os::Fd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
         put(of.bytes, 60, static_cast<uint32_t>(::getpid()));
       }},
      {"events", [null](Forgery& of, const Forgery&) { of.fds[kBrokerEvents] = null(); }},
      {"events", [](Forgery& of, const Forgery&) { of.fds[kWorkerEvents] = channel_of(kVictim); }},
      {"events", [](Forgery& of, const Forgery&) { of.fds[kWorkerEvents] = os::Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)); }},
      {"counters", [](Forgery& of, const Forgery&) { of.fds[kCounters] = copied_to_memory(of.fds[kCounters].get()); }},
      {"counters", [](Forgery& of, const Forgery&) { of.fds[kCounters] = os::Fd(::dup(of.fds[kTable].get())); }},
      {"client", [](Forgery& of, const Forgery&) { of.fds[kPeer] = channel_of(kVictim); }},
      {"channel", [null](Forgery& of, const Forgery&) { of.fds[kData] = null(); }},
      {"table", [](Forgery& of, const Forgery&) { of.fds[kTable] = os::Fd(::dup(of.fds[kCounters].get())); }},
      {"record of touches", [](Forgery& of, const Forgery&) { of.fds[kRecord] = os::Fd(::dup(of.fds[kRoot].get())); }},
      {"record of touches", [](Forgery& of, const Forgery&) { of.fds[kRecord] = opened("/run/bin/sluiced", O_RDONLY); }},
      {"program", [](Forgery& of, const Forgery&) { of.fds[kProgram] = opened("/run/bin/sluice-broker", O_PATH); }},
      {"program", [](Forgery& of, const Forgery&) { of.fds[kProgram] = os::Fd(::dup(of.fds[kTable].get())); }},
      {"program", [](Forgery& of, const Forgery&) { of.fds[kProgram] = program_elsewhere(); }},
      {"program of the broker", [](Forgery& of, const Forgery&) { of.fds[kBrokerProgram] = opened("/run/bin/sluice-worker", O_PATH); }},
      {"ledger", [](Forgery& of, const Forgery&) { of.fds[kLedger] = copied_to_memory(of.fds[kLedger].get()); }},
      {"tree", [](Forgery& of, const Forgery&) { of.fds[kRoot] = opened("/run/bin/sluiced", O_PATH); }},
      {"tree", [](Forgery& of, const Forgery&) { of.fds[kRoot] = opened("/", O_RDONLY | O_DIRECTORY); }},
      {"configuration", [](Forgery& of, const Forgery&) { of.fds[kStart] = copied_to_memory(of.fds[kStart].get()); }},
      {"configuration", [](Forgery& of, const Forgery& other) { of.fds[kStart] = os::Fd(::dup(other.fds[kStart].get())); }},
      {"configuration", [](Forgery& of, const Forgery&) { put(of.bytes, 24, 0); }},  // uid
      {"configuration", [](Forgery& of, const Forgery&) { of.bytes[64] |= 16; }},    // device nodes
      {"socket", [](Forgery& of, const Forgery&) { of.fds[kLink] = channel_of(0); }, false},
      {"socket", [](Forgery&, const Forgery&) {}, true, kVictim},
  };
  return cases;
}

ATTACK_WITHIN(ServiceStore, WhatIsForgedIsRefusedAndTheOthersGoOn, 110) {
  const std::string source = source_of_victim();
  Host host;
  host.start();
  const View other(source, kVictim, {}, false, 0, "other");
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  for (const Case& one : forgeries()) {
    SCOPED_TRACE(one.says);
    auto view = std::make_unique<View>(source, kVictim, std::vector<std::string_view>{}, true, 0, "forged");
    ASSERT_TRUE(soon(2000, [&] { return host.stored_views() == 2; }));
    host.kill();
    std::string name, stored_as_name;
    {
      const auto stored = host.stored();
      const Forgery good = look_into(stored[0]);
      Forgery forged = look_into(stored[1]);
      one.change(forged, good);
      const os::Fd socket = stored_as(forged, one.own_link, one.made_by);
      name = stored[1].first;
      stored_as_name = forged.name;
      host.start({stored[0], {forged.name, socket.get()}});
    }
    const std::string log = host.log();
    const std::string wanted = "what=\"" + one.says;
    EXPECT_NE(log.find("event=stored-view-refused"), std::string::npos) << log;
    EXPECT_NE(log.find(wanted), std::string::npos) << log;
    EXPECT_NE(log.find("event=view-taken-over view=\"view-1\""), std::string::npos) << log;
    EXPECT_TRUE(reads(other)) << "the other view";
    // What the manager has by that name it lets go of, and with it the view ends.
    if (name != stored_as_name) host.let_go_of(name);
    ASSERT_TRUE(soon(4000, [] { return named("sluice-broker").size() == 1 && named("sluice-worker").size() == 1; })) << host.log();
  }
  EXPECT_TRUE(reads(other));
}

// No message, no socket, twice the same, and two of one connection.
ATTACK_WITHIN(ServiceStore, WhatIsNoRecordIsRefused, 60) {
  const std::string source = source_of_victim();
  Host host;
  host.start();
  const View view(source, kVictim);
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 1; }));
  host.kill();
  const auto stored = host.stored();
  int empty[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, empty), 0);
  const os::Fd null = opened("/dev/null", O_RDWR), deaf(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  Forgery twice = look_into(stored[0]);
  put(twice.bytes, 8, 1 + core::Limits::kPrivateUids);  // the same as another view, whose processes have these uids too
  twice.name = "view-" + std::to_string(1 + core::Limits::kPrivateUids);
  os::Fd again = stored_as(twice, true);
  twice.fds.clear();
  host.start({stored[0], {"view-7", empty[0]}, {"view-8", null.get()}, {"view-9", deaf.get()}, {"", null.get()},
              {std::string(200, 'x'), null.get()}, {twice.name, again.get()}});
  EXPECT_TRUE(reads(view)) << host.log();
  size_t refused = 0;
  const std::string log = host.log();
  for (size_t at = 0; (at = log.find("event=stored-view-refused", at)) != std::string::npos; ++at) ++refused;
  EXPECT_EQ(refused, 6u) << log;
  again.reset();
  host.kill();
  // Two that say the same: neither can be told to be the right one.
  const auto now = host.stored();
  host.start({now[0], now[0]});
  EXPECT_EQ(host.log().find("event=view-taken-over"), std::string::npos) << host.log();
  EXPECT_TRUE(soon(2000, [&] { return host.stored_views() == 0; }));
  EXPECT_TRUE(soon(4000, none_left)) << host.log();
}

}  // namespace
}  // namespace sluice::adversary
