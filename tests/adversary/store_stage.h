// A service whose views outlive it: with who holds them meanwhile in the test's hand, or with a keeper; somebody at work in a
// view; and what is stored of one, to be forged.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "os/socket.h"
#include "running_service.h"
#include "wire/stored_view.h"

namespace sluice::adversary {

inline constexpr char kNotify[] = "/run/notify";
inline constexpr size_t kMostFds = 32;

inline struct sockaddr_un address_of(const char* path) {
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path);
  return address;
}
inline os::Fd bound(int type, const char* path) {
  os::Fd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  const auto address = address_of(path);
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const struct sockaddr*>(&address), sizeof(address)), 0) << path;
  EXPECT_EQ(::chmod(path, 0666), 0);
  return socket;
}

inline bool soon(int milliseconds, const std::function<bool()>& so);

enum class With { kManager, kKeeper };
inline constexpr char kKeeperIn[] = "/run/sluice-kept";

inline std::vector<pid_t> named(const std::string& name);

// In the service manager's place: it has the socket that is listened at, and what is stored with it. With a keeper it is
// only told that the service is ready.
class Host {
 public:
  using Stored = std::vector<std::pair<std::string, int>>;  // borrowed

  explicit Host(With with = With::kManager) : with_(with), notified_(bound(SOCK_DGRAM, kNotify)) {
    if (with == With::kManager) {
      listener_ = bound(SOCK_SEQPACKET, kSocket);
      EXPECT_EQ(::listen(listener_.get(), 16), 0);
    } else {
      EXPECT_TRUE(::mkdir(kKeeperIn, 0700) == 0 || errno == EEXIST);
    }
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
    const bool manages = with_ == With::kManager;
    std::vector<std::string> argv = {kSluiced, "--listen-fds"};
    if (!manages) argv = {kSluiced, "--listen", kSocket, "--mode", "0666"};
    if (stores_) argv.emplace_back(manages ? "--store-views" : "--keep-views");
    if (stores_ && !manages) argv.emplace_back(kKeeperIn);
    argv.insert(argv.end(), options_.begin(), options_.end());
    service_ = std::make_unique<Program>(argv, log_path(), [&] {
          ::setenv("NOTIFY_SOCKET", kNotify, 1);
          if (!manages) return;
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
  void end(bool killed) { killed ? kill() : terminate(); }
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
  // With a keeper: by its descriptors, of which two are those that it works with.
  size_t stored_views() const {
    if (with_ == With::kManager) return stored().size();
    size_t sockets = 0;
    for (const pid_t keeper : named("sluice-keeper")) {
      char link[64], to[64];
      for (int fd = 3; fd < 1000; ++fd) {
        std::snprintf(link, sizeof(link), "/proc/%d/fd/%d", keeper, fd);
        sockets += ::readlink(link, to, sizeof(to)) > 7 && std::memcmp(to, "socket:", 7) == 0 ? 1 : 0;
      }
    }
    const size_t own = service_ && !service_->ended(0) ? 2 : 1;
    return sockets < own ? 0 : sockets - own;
  }
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
      if (process.state == 'Z' && process.parent == ::getpid() && (process.name.rfind("sluice-", 0) == 0 || process.name == "sluiced-maker")) {
        ::waitpid(process.pid, nullptr, WNOHANG);
      }
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
  const With with_;
  os::Fd listener_, notified_;
  std::unique_ptr<Program> service_;
  std::vector<std::pair<std::string, os::Fd>> stored_;
  size_t readies_ = 0;
  bool reaps_ = true, listens_ = true;
};

inline os::Fd opened(const char* path, int flags) { return os::Fd(::open(path, flags | O_CLOEXEC)); }
inline bool soon(int milliseconds, const std::function<bool()>& so) {
  return eventually(milliseconds, [&] {
    Host::work();
    return so();
  });
}

inline std::vector<pid_t> named(const std::string& name) {
  std::vector<pid_t> pids;
  for (const Found& process : processes()) {
    if (process.name == name && process.state != 'Z') pids.push_back(process.pid);
  }
  return pids;
}
inline pid_t the(const std::string& name) {
  const auto pids = named(name);
  EXPECT_EQ(pids.size(), 1u) << name;
  return pids.empty() ? -1 : pids[0];
}
inline void kill_all(const std::string& name) {
  for (const pid_t pid : named(name)) ::kill(pid, SIGKILL);
}
inline bool none_left() { return named("sluice-broker").empty() && named("sluice-worker").empty(); }

inline bool reads(const View& view, const char* name = "file", const char* content = "content\n") {
  return in_process(kVictim, 8, [&] {
    char bytes[64] = {};
    const os::Fd file(::open(view.path(name).c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_TRUE(file) << name << ": errno " << errno;
    EXPECT_GE(::read(file.get(), bytes, sizeof(bytes) - 1), 0) << name << ": errno " << errno;
    EXPECT_STREQ(bytes, content) << name;
  });
}
inline bool is_hidden(const View& view, const char* name) {
  return in_process(kVictim, 8, [&] { EXPECT_EQ(::access(view.path(name).c_str(), F_OK), -1) << name << " is shown"; });
}

inline std::string source_of_victim() {
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

// ---- What is stored ----

struct Forgery {
  std::vector<uint8_t> bytes;
  std::vector<os::Fd> fds;
  std::string name;
  os::Fd park = os::Fd();  // instead of one with what is kept
  os::Fd more = os::Fd();  // behind all of the record's
};
// In the order of src/service/store.cc, of a tied view with a worker and without grafts; behind that what lies in its park.
enum At { kLink, kDevice, kBroker, kBrokerEvents, kWorkerEvents, kCounters, kWorker, kPeer, kStart, kTable, kChannel, kData = kChannel + 2,
          kRecord, kProgram, kLedger, kBrokerProgram, kRoot, kAll };

// count: of all that the record has.
inline Forgery look_into_record(const std::pair<std::string, int>& stored, size_t count) {
  std::vector<uint8_t> buffer(wire::kStoredViewMost);
  auto message = os::peek_message(stored.second, buffer, kMostFds);
  EXPECT_TRUE(message.ok() && message->fds.size() == count) << (message.ok() ? message->fds.size() : 0);
  if (!message.ok() || message->fds.size() != count) return {};
  buffer.resize(message->length);
  return {buffer, std::move(message->fds), stored.first};
}
inline Forgery look_into(const std::pair<std::string, int>& stored) {
  Forgery of = look_into_record(stored, kStart + 1);
  if (of.fds.empty()) return of;
  uint8_t word[4];
  auto parked = os::peek_message(of.fds[kStart].get(), word, kMostFds);
  EXPECT_TRUE(parked.ok() && parked->fds.size() == kAll - kStart) << (parked.ok() ? parked->fds.size() : 0);
  if (!parked.ok()) return {};
  of.fds.pop_back();
  for (os::Fd& fd : parked->fds) of.fds.push_back(std::move(fd));
  return of;
}
// A socket in which this waits; its other end is `link`'s, where the record has one.
// parks: what is kept for another worker, as a service does; the one before did not.
inline os::Fd stored_as(Forgery& forgery, bool own_link, uint32_t made_by = 0, bool parks = true) {
  EXPECT_EQ(::seteuid(made_by), 0);
  auto pair = os::socket_pair();
  EXPECT_EQ(::seteuid(0), 0);
  EXPECT_TRUE(pair.ok());
  std::vector<int> fds;
  if (own_link && !forgery.fds.empty()) forgery.fds[kLink] = os::Fd(::fcntl(pair->first.get(), F_DUPFD_CLOEXEC, 0));
  for (const os::Fd& fd : forgery.fds) fds.push_back(fd.get());
  auto park = os::socket_pair();
  if (parks && fds.size() > kStart) {
    const uint8_t word[4] = {};
    EXPECT_TRUE(os::send_message(park->first.get(), word, std::span(fds).subspan(kStart)).ok());
    fds.resize(kStart);
    fds.push_back(forgery.park ? forgery.park.get() : park->second.get());
  }
  if (forgery.more) fds.push_back(forgery.more.get());
  for (const os::Fd* end : {&pair->first, &pair->second}) ::fcntl(end->get(), F_SETFL, O_RDWR | O_NONBLOCK);
  EXPECT_TRUE(os::send_message(pair->first.get(), forgery.bytes, fds).ok());
  return std::move(pair->second);
}

}  // namespace sluice::adversary
