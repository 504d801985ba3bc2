// A server under `sluice exec`, whose calls the supervisor is told of: any thread, descriptor and
// address, in a memory and with descriptors that change under it, by a caller that may be gone at
// any moment. Whatever it does, the supervisor acts only on what the kernel confirmed after it was
// fetched, answers each call that still waits once, and leaves no id that nobody knows of.
//
// The server is this process: its threads, descriptors and memory are looked at as they are. In the
// kernel's place are the notifications, and in the service's what libsluice answers.
#include "proxy/supervisor.h"

#include <fcntl.h>
#include <sluice/sluice.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <vector>

#include "fuzz/target.h"
#include "os/foreign.h"
#include "os/notify.h"
#include "os/other_process.h"
#include "os/passed_file.h"
#include "os/service_link.h"

using namespace sluice;

namespace {

constexpr size_t kMostCalls = 16;

FILE* const g_stderr = stderr;

int next_number() {
  const int fd = ::dup(2);
  ::close(fd);
  return fd;
}

// Descriptors of a server: files of every kind.
const std::vector<int>& descriptors() {
  static const std::vector<int>* const list = [] {
    auto* made = new std::vector<int>;
    const auto add = [&](const char* path, int flags) {
      made->push_back(::open(path, flags | O_CLOEXEC, 0600));
    };
    std::string name = "/tmp/sluice-fuzz-XXXXXX";
    const int file = ::mkstemp(name.data());
    for (const int flags : {O_RDONLY, O_RDWR, O_WRONLY, O_RDWR | O_APPEND, O_PATH})
      add(name.c_str(), flags);
    ::fchmod(file, 0500);
    for (const int flags : {O_RDONLY, O_PATH}) add(name.c_str(), flags);
    ::unlink(name.c_str());
    ::close(file);
    add("/", O_RDONLY | O_DIRECTORY), add("/dev/null", O_RDWR), add("/dev/zero", O_RDONLY);
    int ends[2];
    FUZZ_HOLDS(::pipe2(ends, O_CLOEXEC) == 0);
    made->push_back(ends[0]), made->push_back(ends[1]);
    return made;
  }();
  return *list;
}

// A process that has ended, and that nobody waits for.
int ended_process() {
  static const int held = [] {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    const auto process = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
    siginfo_t info;
    FUZZ_HOLDS(process >= 0 &&
               ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
    return process;
  }();
  return held;
}

// Where one of two is for the caller to read, and the other is not there.
uint8_t* pages() {
  static auto* const at = [] {
    void* const mapped =
        ::mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    FUZZ_HOLDS(mapped != MAP_FAILED &&
               ::mprotect(static_cast<uint8_t*>(mapped) + 4096, 4096, PROT_NONE) == 0);
    return static_cast<uint8_t*>(mapped);
  }();
  return at;
}

// Where it says why there is no passthrough.
FILE* quiet() {
  static FILE* const to = ::fopen("/dev/null", "we");
  return to;
}

class Server {
 public:
  explicit Server(fuzz::Choices& choices) : choices_(choices) {}

  // ---- The kernel ----

  core::Result<os::Notification> notification() {
    end_of_call();
    char byte;
    (void)!::read(bell, &byte, 1);
    if (choices_.byte() % 16 == 15) return core::Failure{ENOENT, core::Reason::kSystem};
    waits_ = true;
    called_ = true;
    answered_ = confirmed_ = ids_unknown_ = 0;
    const uint8_t kind = choices_.byte();
    const auto& fds = descriptors();
    opens_ = kind % 4 != 3;
    const pid_t thread = kind % 32 == 31   ? static_cast<pid_t>(choices_.number())
                         : kind % 32 == 30 ? 0
                                           : static_cast<pid_t>(::syscall(SYS_gettid));
    const int device = choices_.byte() % 16 == 15
                           ? static_cast<int>(choices_.number())
                           : fds[choices_.below(static_cast<uint32_t>(fds.size()))];
    // The descriptor, flags and padding of a request, or an id.
    struct {
      int32_t fd;
      uint32_t flags;
      uint64_t padding;
    } map{choices_.byte() % 16 == 15 ? static_cast<int32_t>(choices_.number())
                                     : fds[choices_.below(static_cast<uint32_t>(fds.size()))],
          0, 0};
    if (!opens_) map.fd = static_cast<int32_t>(choices_.number());
    if (choices_.byte() % 16 == 15)
      map.flags = choices_.byte(), map.padding = choices_.flag() ? 1 : 0;
    const size_t at = choices_.byte() % 16 == 15 ? 4096 - choices_.below(20) : choices_.byte();
    const size_t fits = std::min(sizeof(map), 4096 - at);
    std::memcpy(pages() + at, &map, fits);
    const uint64_t address =
        choices_.byte() % 32 == 31 ? choices_.number() : reinterpret_cast<uint64_t>(pages() + at);
    return os::Notification{++id_, thread, device, opens_, address};
  }
  bool still_waits(uint64_t id) {
    FUZZ_HOLDS(id == id_ && called_);
    if (choices_.byte() % 16 == 15) waits_ = false;
    confirmed_ = 1;
    return waits_;
  }
  core::Outcome answer(uint64_t id, int value, int error, bool goes_on) {
    FUZZ_HOLDS(id == id_ && called_ && ++answered_ == 1);
    FUZZ_HOLDS(goes_on || (error == 0 ? value >= 0 : error > 0 && error < 4096 && value == 0));
    if (choices_.byte() % 16 == 15) waits_ = false;
    if (!waits_) return core::Failure{ENOENT, core::Reason::kSystem};
    if (!goes_on && error == 0 && opens_) {
      FUZZ_HOLDS(value > 0);
      --ids_unknown_;  // the caller has it
    }
    return core::Done{};
  }
  core::Result<uint32_t> connection_of(int) {
    confirmed_ = 0;
    if (choices_.byte() % 8 == 7) return core::Failure{EINVAL, core::Reason::kConnectionNotFuse};
    return choices_.below(80);
  }
  bool ended() { return choices_.byte() % 16 == 15; }

  // ---- libsluice ----

  int open_session(int device) {
    FUZZ_HOLDS(called_ && waits_ && device >= 0);
    if (choices_.byte() % 16 == 15) return -EMFILE;
    ++sessions;
    return 0;
  }
  int open_id(int file) {
    act();
    FUZZ_HOLDS(opens_ && ::fcntl(file, F_GETFD) >= 0);
    static constexpr int kErrors[] = {EPERM, EACCES, EAGAIN, EINVAL, 4095};
    if (choices_.byte() % 4 == 3) return -choices_.one_of(kErrors);
    ++ids_unknown_;
    return 1 + choices_.byte();
  }
  int close_id(int) {
    if (opens_) {
      --ids_unknown_;  // what nobody heard of
      return 0;
    }
    act();
    return choices_.byte() % 4 == 3 ? -ENOENT : 0;
  }
  int valid_id() { return choices_.byte() % 8 == 7 ? 0 : 1; }
  unsigned reason() {
    return choices_.flag() ? choices_.below(80) : static_cast<unsigned>(choices_.number());
  }

  void end_of_call() {
    if (!called_) return;
    FUZZ_HOLDS(ids_unknown_ == 0);
    FUZZ_HOLDS(!waits_ || answered_ == 1);
    called_ = false;
  }

  int bell = -1;
  int sessions = 0;
  bool process_has_ended() { return choices_.byte() % 4 == 3; }

 private:
  // Something is done for the caller: who still waits, as was asked after the last look.
  void act() { FUZZ_HOLDS(called_ && waits_ && confirmed_ == 1); }

  fuzz::Choices& choices_;
  uint64_t id_ = 0;
  bool called_ = false, waits_ = false, opens_ = false;
  int answered_ = 0, confirmed_ = 0, ids_unknown_ = 0;

 public:
  void looked() { confirmed_ = 0; }
};

Server* g_server = nullptr;

}  // namespace

core::Result<os::Fd> real_fetch(int, int) __asm__("__real__ZN6sluice2os16fetch_descriptorEii");
core::Outcome real_read(pid_t, uint64_t, std::span<uint8_t>) __asm__(
    "__real__ZN6sluice2os11read_memoryEimSt4spanIhLm18446744073709551615EE");
core::Result<os::Fd> real_hold(pid_t) __asm__("__real__ZN6sluice2os15hold_process_ofEi");

core::Result<os::Fd> noted_fetch(int, int) __asm__("__wrap__ZN6sluice2os16fetch_descriptorEii");
core::Result<os::Fd> noted_fetch(int thread, int number) {
  g_server->looked();
  return real_fetch(thread, number);
}
core::Outcome noted_read(pid_t, uint64_t, std::span<uint8_t>) __asm__(
    "__wrap__ZN6sluice2os11read_memoryEimSt4spanIhLm18446744073709551615EE");
core::Outcome noted_read(pid_t thread, uint64_t address, std::span<uint8_t> bytes) {
  g_server->looked();
  return real_read(thread, address, bytes);
}
core::Result<os::Fd> held_or_ended(pid_t) __asm__("__wrap__ZN6sluice2os15hold_process_ofEi");
core::Result<os::Fd> held_or_ended(pid_t thread) {
  if (g_server->process_has_ended()) return os::Fd(::fcntl(ended_process(), F_DUPFD_CLOEXEC, 3));
  return real_hold(thread);
}

namespace sluice::os {

core::Result<Notification> next_notification(int) { return g_server->notification(); }
bool still_waits(int, uint64_t id) { return g_server->still_waits(id); }
core::Outcome answer_call(int, uint64_t id, int value, int error) {
  return g_server->answer(id, value, error, false);
}
core::Outcome let_call_go_on(int, uint64_t id) { return g_server->answer(id, 0, 0, true); }
core::Result<uint32_t> connection_served_by(int device) { return g_server->connection_of(device); }
bool connection_ended(int) { return g_server->ended(); }
core::Result<Fd> duplicate_privately(int fd) { return checked_fd(::fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

}  // namespace sluice::os

struct sluice_session {};

int sluice_open(int device, const char*, sluice_session** session) {
  const int error = g_server->open_session(device);
  *session = error == 0 ? new sluice_session : nullptr;
  return error;
}
void sluice_close(sluice_session* session) {
  --g_server->sessions;
  delete session;
}
int sluice_backing_open(sluice_session* session, int file) {
  return session == nullptr ? -EINVAL : g_server->open_id(file);
}
int sluice_backing_close(sluice_session* session, int id) {
  return session == nullptr ? -EINVAL : g_server->close_id(id);
}
int sluice_backing_valid(sluice_session* session, int) { return session == nullptr ? -EINVAL : g_server->valid_id(); }
unsigned sluice_last_reason(void) { return g_server->reason(); }
const char* sluice_reason_name(unsigned) { return "name"; }
const char* sluice_reason_text(unsigned) { return "text"; }
const char* sluice_reason_remedy(unsigned reason) { return reason % 2 == 0 ? "" : "remedy"; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)descriptors(), (void)ended_process(), (void)pages();
  stderr = quiet();
  const int free_before = next_number();
  {
    fuzz::Choices choices(data, size);
    Server server(choices);
    g_server = &server;
    int ends[2];
    FUZZ_HOLDS(::pipe2(ends, O_CLOEXEC) == 0);
    server.bell = ends[0];
    const size_t calls = 1 + choices.below(kMostCalls);
    FUZZ_HOLDS(::write(ends[1], std::string(calls, '!').data(), calls) ==
               static_cast<ssize_t>(calls));
    ::close(ends[1]);
    {
      proxy::Connections connections("/s");
      if (size % 4 == 3) {  // the service has made one
        ++server.sessions;
        connections.add(os::Fd(::fcntl(descriptors()[0], F_DUPFD_CLOEXEC, 3)), proxy::Session(new sluice_session));
      }
      proxy::Supervisor supervisor(os::Fd(ends[0]), std::move(connections));
      FUZZ_HOLDS(supervisor.run().ok());
      server.end_of_call();
    }
    FUZZ_HOLDS(server.sessions == 0);
  }
  stderr = g_stderr;
  FUZZ_HOLDS(next_number() == free_before);
  return 0;
}
