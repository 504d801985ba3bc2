#include "os/process.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#endif

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "os/kernel_abi_more.h"
#include "os/socket.h"

namespace sluice::os {
namespace {

constexpr uint32_t kRoomForFds = 2048;  // 16 KiB of the kernel's memory; with more it grows
constexpr size_t kStackBytes = size_t{64} * 1024;  // of a child, until it is another program
constexpr int kFirstFreeNumber = 64;  // above every number that a child's fd table names

// In the child from here to exec: a failure ends it, and the service sees that it did not come up.
void must(bool ok, const char* step) {
  if (ok) return;
  ::dprintf(2, "sluiced: child: %s: errno %d\n", step, errno);
  ::_exit(127);
}

void place_fds(const ChildSpec& spec, int executable_number) {
  // First out of each other's way, then to their places.
  std::vector<std::pair<int, int>> moved;
  for (const auto& [fd, number] : spec.fds) {
    const int copy = ::fcntl(fd, F_DUPFD, kFirstFreeNumber);
    must(copy >= 0, "dup");
    moved.emplace_back(copy, number);
  }
  const int executable = ::fcntl(spec.executable, F_DUPFD, kFirstFreeNumber);
  must(executable >= 0, "dup");
  int last = 0;
  for (const auto& [copy, number] : moved) {
    must(::dup2(copy, number) == number, "dup2");
    last = std::max(last, number);
  }
  must(last < executable_number, "fd table");
  must(::dup3(executable, executable_number, O_CLOEXEC) == executable_number, "dup3");
  must(::close_range(executable_number + 1, ~0u, 0) == 0, "close_range");
  // What lies between the named numbers is closed one by one: the table has no surprises.
  for (int fd = 0; fd < executable_number; ++fd) {
    const bool named = std::any_of(spec.fds.begin(), spec.fds.end(),
                                   [fd](const auto& entry) { return entry.second == fd; });
    if (!named) ::close(fd);
  }
}

// The kernel lets a process that has threads wait for a grace period, of 10 ms and more, whenever its table of
// descriptors has to grow: for those who open files meanwhile that is longer than the rest together. So the table has
// its size from the beginning, and keeps it through exec.
void make_room_for_fds(const ChildSpec& spec, int held) {
  const int last = static_cast<int>(std::min(spec.most_files, kRoomForFds)) - 1;
  const int copy = ::fcntl(held, F_DUPFD, last);
  must(copy >= 0 && ::close(copy) == 0, "room for descriptors");
}

void take_identity(const ChildSpec& spec) {
  // The ids first, keeping what is permitted; then exactly the wanted capabilities, and the bounding
  // set empty, which SETPCAP among them allows. In this order, because nothing can be made
  // inheritable that is not in the bounding set.
  must(::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0, "keepcaps");
  must(::setgroups(spec.groups.size(), spec.groups.data()) == 0, "setgroups");
  must(::setresgid(spec.gid, spec.gid, spec.gid) == 0, "setresgid");
  must(::setresuid(spec.uid, spec.uid, spec.uid) == 0, "setresuid");
  capng_setpid(0);  // this process: libcap-ng remembers the one that it was cloned from
  capng_clear(CAPNG_SELECT_CAPS);
  for (const int capability : spec.capabilities) {
    must(capng_update(CAPNG_ADD,
                      static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE),
                      static_cast<unsigned>(capability)) == 0,
         "capability");
  }
  must(capng_apply(CAPNG_SELECT_CAPS) == 0, "capset");
  capng_clear(CAPNG_SELECT_BOUNDS);
  must(capng_apply(CAPNG_SELECT_BOUNDS) == 0, "bounding set");
  for (const int capability : spec.capabilities) {
    must(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0, "ambient");
  }
}

[[noreturn]] void become(const ChildSpec& spec) {
  constexpr int kExecutable = kFirstFreeNumber - 1;
  must(::setsid() >= 0 || errno == EPERM, "setsid");
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  for (const int signal : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGCHLD}) {
    must(::sigaction(signal, &by_default, nullptr) == 0, "sigaction");
  }
  sigset_t none;
  ::sigemptyset(&none);
  must(::sigprocmask(SIG_SETMASK, &none, nullptr) == 0, "sigprocmask");
  ::umask(0);
  place_fds(spec, kExecutable);
  const struct rlimit core {0, 0};
  must(::setrlimit(RLIMIT_CORE, &core) == 0, "rlimit core");
  const struct rlimit files {spec.most_files, spec.most_files};
  must(::setrlimit(RLIMIT_NOFILE, &files) == 0, "rlimit nofile");
  make_room_for_fds(spec, kExecutable);
  take_identity(spec);
  must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  char* const argv[] = {const_cast<char*>(spec.name), nullptr};
  char* const environment[] = {nullptr};
  ::syscall(SYS_execveat, kExecutable, "", argv, environment, AT_EMPTY_PATH);
  must(false, "exec");
  ::abort();
}

core::Outcome write_map(pid_t pid, const char* file) {
  char path[64];
  std::snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
  auto map = checked_fd(::open(path, O_WRONLY | O_CLOEXEC));
  if (!map.ok()) return map.failure();
  return checked(::write(map->get(), "0 0 4294967295", 14));
}

// In this process's memory, which waits meanwhile (vfork(2)): to copy that, and to part with it again, takes longer than all
// that the child does in it. Its uid is nobody else's, or root's, so nobody reaches the memory by way of the child.
core::Result<Child> spawn_within(const ChildSpec& spec) {
  alignas(16) std::array<uint8_t, kStackBytes> stack;
  int pidfd = -1;
  void* capabilities = capng_save_state();  // what libcap-ng knows of this process, where the child writes what it knows of itself
  const auto flags = static_cast<int>(CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD | spec.namespaces);
  const pid_t pid = ::clone([](void* of) -> int { become(*static_cast<const ChildSpec*>(of)); }, stack.data() + stack.size(),
                            flags, const_cast<ChildSpec*>(&spec), &pidfd);
  auto outcome = checked(pid);
  capng_restore_state(&capabilities);
#ifdef ASAN_UNPOISON_MEMORY_REGION
  // Nothing without AddressSanitizer. The child's functions, which never returned, have marked what lies between their variables:
  // what this process calls later has others there.
  ASAN_UNPOISON_MEMORY_REGION(stack.data(), stack.size());
#endif
  if (!outcome.ok()) return outcome.failure();
  return Child{pid, Fd(pidfd)};
}

core::Result<Child> spawn_mapped(const ChildSpec& spec) {
  auto gate = socket_pair();
  if (!gate.ok()) return gate.failure();
  int pidfd = -1;
  struct clone_args arguments {};
  arguments.flags = CLONE_PIDFD | spec.namespaces;
  arguments.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (pid < 0) return failure();
  if (pid == 0) {
    gate->first.reset();
    uint8_t go = 0;
    // Until its ids are mapped the child has none to take.
    must(::read(gate->second.get(), &go, 1) == 1, "gate");
    become(spec);
  }
  Child child{static_cast<pid_t>(pid), Fd(pidfd)};
  gate->second.reset();
  core::Outcome mapped = write_map(child.pid, "uid_map");
  if (mapped.ok()) mapped = write_map(child.pid, "gid_map");
  const uint8_t go = 1;
  if (mapped.ok()) mapped = send_message(gate->first.get(), {&go, 1});
  if (!mapped.ok()) {
    end_child(child);
    return mapped.failure();
  }
  return child;
}

}  // namespace

core::Result<Child> spawn(const ChildSpec& spec) { return spec.map_all_ids ? spawn_mapped(spec) : spawn_within(spec); }

bool kill_process(int pidfd) {
  return ::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0) == 0 || errno != ESRCH;
}

void end_child(const Child& child) {
  kill_process(child.pidfd.get());
  siginfo_t info;
  ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(child.pidfd.get()), &info, WEXITED);
}

core::Result<Child> fork_helper(std::span<const int> keep, void (*body)(void*), void* argument) {
  int pidfd = -1;
  struct clone_args arguments {};
  arguments.flags = CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (pid < 0) return failure();
  if (pid == 0) {
    std::vector<int> kept(keep.begin(), keep.end());
    std::sort(kept.begin(), kept.end());
    unsigned from = 3;
    for (const int fd : kept) {
      if (fd < 3) continue;
      if (static_cast<unsigned>(fd) > from) ::close_range(from, static_cast<unsigned>(fd) - 1, 0);
      from = static_cast<unsigned>(fd) + 1;
    }
    ::close_range(from, ~0u, 0);
    body(argument);
    ::_exit(0);
  }
  return Child{static_cast<pid_t>(pid), Fd(pidfd)};
}

core::Result<Fd> made_by_helper(std::span<const int> keep, core::Result<Fd> (*make)(void*), void* argument) {
  auto pair = socket_pair();
  if (!pair.ok()) return pair.failure();
  struct Job {
    core::Result<Fd> (*make)(void*);
    void* argument;
    int reply;
  } job{make, argument, pair->second.get()};
  std::vector<int> kept(keep.begin(), keep.end());
  kept.push_back(job.reply);
  auto helper = fork_helper(kept, [](void* of) {
    const Job& mine = *static_cast<Job*>(of);
    const auto made = mine.make(mine.argument);
    const int error = made.ok() ? 0 : made.failure().error;
    uint8_t bytes[sizeof(error)];
    std::memcpy(bytes, &error, sizeof(error));
    const int fd = made.ok() ? made->get() : -1;
    (void)send_message(mine.reply, bytes, {&fd, made.ok() ? size_t{1} : size_t{0}});
  }, &job);
  if (!helper.ok()) return helper.failure();
  pair->second.reset();
  int error = EPIPE;
  uint8_t bytes[sizeof(error)] = {};
  auto message = receive_message(pair->first.get(), bytes, 1);
  end_child(*helper);
  if (!message.ok()) return message.failure();
  if (message->length == sizeof(bytes)) std::memcpy(&error, bytes, sizeof(error));
  if (error != 0 || message->fds.size() != 1) return core::Failure{error, core::Reason::kSystem};
  return std::move(message->fds[0]);
}

core::Outcome become_reaper() { return checked(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)); }

namespace {

// Of somebody else's child, once that has reaped it.
core::Result<Ending> ending_of_other(int pidfd) {
  struct abi::PidfdInfo info {};
  info.mask = abi::kPidfdInfoExit;
  if (::ioctl(pidfd, abi::kPidfdGetInfo, &info) < 0 || (info.mask & abi::kPidfdInfoExit) == 0) {
    return core::Failure{ECHILD, core::Reason::kSystem};
  }
  const bool exited = WIFEXITED(info.exit_code);
  return Ending{exited, exited ? WEXITSTATUS(info.exit_code) : WTERMSIG(info.exit_code)};
}

}  // namespace

core::Result<Ending> reap(int pidfd) {
  siginfo_t info{};
  if (::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG) < 0) {
    return errno == ECHILD ? ending_of_other(pidfd) : failure();
  }
  if (info.si_pid == 0) return core::Failure{EAGAIN, core::Reason::kNone};
  return Ending{info.si_code == CLD_EXITED, info.si_status};
}

pid_t ended_child() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ? 0 : info.si_pid;
}
void reap_child(pid_t pid) {
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG);
}

}  // namespace sluice::os
