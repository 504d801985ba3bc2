#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

#include "cli/commands.h"
#include "cli/output.h"
#include "core/escape.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/socket.h"

namespace sluice::cli {
namespace {

// In the child until exec: says what failed, and ends.
void must(bool ok, const char* step) {
  if (ok) return;
  std::fprintf(stderr, "sluice: %s: %s\n", step, std::strerror(errno));
  ::_exit(kExitRunFailed);
}

bool write_file(const char* path, const std::string& text) {
  const os::Fd fd(::open(path, O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

void become_identity(const Identity& identity) {
  if (!identity.named) return;
  must(::setgroups(identity.groups.size(), identity.groups.data()) == 0, "setgroups");
  must(::setresgid(identity.gid, identity.gid, identity.gid) == 0, "setresgid");
  must(::setresuid(identity.uid, identity.uid, identity.uid) == 0, "setresuid");
  must(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0, "dumpable");  // or the id maps cannot be written
}

// A user namespace in which this user is what it was, and nothing else exists.
void enter_namespaces(int map_all_gate) {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) {
    std::fprintf(stderr,
                 "sluice: cannot make a user namespace: %s\n        try: let users make them "
                 "(user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)\n",
                 std::strerror(errno));
    ::_exit(kExitRunFailed);
  }
  if (map_all_gate >= 0) {
    // Keeping every owner takes every id: only the privileged parent can map them.
    uint8_t byte = 0;
    must(::write(map_all_gate, &byte, 1) == 1, "gate");
    must(::read(map_all_gate, &byte, 1) == 1, "id map");
    return;
  }
  must(write_file("/proc/self/setgroups", "deny"), "setgroups");
  must(write_file("/proc/self/uid_map", absl::StrCat(uid, " ", uid, " 1")), "uid_map");
  must(write_file("/proc/self/gid_map", absl::StrCat(gid, " ", gid, " 1")), "gid_map");
}

bool map_all_ids_of(pid_t pid) {
  const std::string all = "0 0 4294967295";
  return write_file(absl::StrCat("/proc/", pid, "/uid_map").c_str(), all) &&
         write_file(absl::StrCat("/proc/", pid, "/gid_map").c_str(), all);
}

// Root in the namespace that the view was attached in could take it off. In one below it, all that
// was mounted before is locked in place (user_namespaces(7), mount_namespaces(7)).
void lock_mounts() {
  auto gate = os::socket_pair();
  must(gate.ok(), "socketpair");
  const pid_t outer = ::getpid();
  const pid_t mapper = ::fork();
  must(mapper >= 0, "fork");
  if (mapper == 0) {
    // It stays outside, where it may map what the other then is.
    gate->first.reset();
    uint8_t byte;
    const bool asked = ::read(gate->second.get(), &byte, 1) == 1;
    ::_exit(asked && map_all_ids_of(outer) ? 0 : 1);
  }
  must(::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0, "a second user namespace");
  const uint8_t go = 1;
  must(::write(gate->first.get(), &go, 1) == 1, "gate");
  int status = 0;
  must(::waitpid(mapper, &status, 0) == mapper && status == 0, "id map");
}

struct Prepared {
  Source source;
  View view;
  std::string working_directory;
};

[[noreturn]] void become_command(const Prepared& prepared, const RunOptions& options, int gate) {
  const Identity& identity = prepared.view.identity;
  become_identity(identity);
  auto before = os::stat_held(prepared.source.fd.get());
  enter_namespaces(identity.preserve ? gate : -1);
  must(os::make_mounts_slaves().ok(), "mounts");
  // The descriptor is of the old namespace; the same directory is looked up in the new one.
  const os::Fd here(::open(prepared.source.path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  auto now = here ? os::stat_held(here.get()) : os::failure();
  if (!before.ok() || !now.ok() || now->stx_ino != before->stx_ino ||
      os::dev_of(*now) != os::dev_of(*before)) {
    errno = ESTALE;
    must(false, "the source moved");
  }
  must(os::attach_mount(prepared.view.mount.get(), here.get()).ok(), "attach the view");
  // By name once more, so that a working directory in the source is in the view now.
  if (!prepared.working_directory.empty() && ::chdir(prepared.working_directory.c_str()) < 0) {
    std::fprintf(stderr, "sluice: the working directory is hidden in the view; starting in its root\n");
    must(::chdir(prepared.source.path.c_str()) == 0, "working directory");
  }
  if (identity.preserve) lock_mounts();
  must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  ::close_range(3, ~0u, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::vector<char*> argv;
  for (const std::string& word : options.command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  const int error = errno;
  std::fprintf(stderr, "sluice: cannot run \"%s\": %s\n", core::escaped(options.command[0]).c_str(),
               std::strerror(error));
  ::_exit(error == ENOENT ? 127 : 126);
}

bool map_all_ids(pid_t pid, int gate) {
  uint8_t byte;
  return ::read(gate, &byte, 1) == 1 && map_all_ids_of(pid) && ::write(gate, &byte, 1) == 1;
}

// Passes signals on until the command has ended. Those of the terminal reach it by themselves.
int wait_for(pid_t pid, int signals) {
  for (;;) {
    struct signalfd_siginfo info;
    if (::read(signals, &info, sizeof(info)) != sizeof(info)) continue;
    const auto signal = static_cast<int>(info.ssi_signo);
    if (signal != SIGCHLD) {
      if (signal == SIGTERM || signal == SIGHUP || info.ssi_code == SI_USER) ::kill(pid, signal);
      continue;
    }
    int status;
    if (::waitpid(pid, &status, WNOHANG) != pid) continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
}

absl::StatusOr<Prepared> prepare(const RunOptions& options) {
  auto source = open_source(options.view.source);
  if (!source.ok()) return source.status();
  auto view = request_view(options.view, *source, source->path, Lifetime::kCommand);
  if (!view.ok()) return view.status();
  char directory[PATH_MAX];
  const bool known = ::getcwd(directory, sizeof(directory)) != nullptr;
  return Prepared{*std::move(source), *std::move(view), known ? directory : ""};
}

}  // namespace

int run_command(const RunOptions& options) {
  sigset_t handled;
  ::sigemptyset(&handled);
  for (const int signal : {SIGCHLD, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2}) {
    ::sigaddset(&handled, signal);
  }
  ::sigprocmask(SIG_BLOCK, &handled, nullptr);
  const os::Fd signals(::signalfd(-1, &handled, SFD_CLOEXEC));
  auto prepared = prepare(options);
  if (!prepared.ok()) {
    const int status = report(prepared.status());
    return status == kExitUsage ? kExitUsage : kExitRunFailed;
  }
  auto gate = os::socket_pair();
  if (!gate.ok()) {
    (void)report(problem(gate.failure(), "socketpair"));
    return kExitRunFailed;
  }
  const pid_t pid = ::fork();
  if (pid < 0) {
    (void)report(problem(os::failure(), "fork"));
    return kExitRunFailed;
  }
  if (pid == 0) {
    gate->first.reset();
    become_command(*prepared, options, gate->second.get());
  }
  gate->second.reset();
  prepared->view.mount.reset();
  if (prepared->view.identity.preserve && !map_all_ids(pid, gate->first.get())) {
    gate->first.reset();  // the child sees it, and ends
  }
  const int status = wait_for(pid, signals.get());
  prepared->view.service.connection.reset();
  wait_for_service(prepared->view.service);
  return status;
}

}  // namespace sluice::cli
