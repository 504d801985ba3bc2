// sluice exec: becomes a FUSE server whose passthrough ioctls a supervisor does for it.
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exec_words.h"
#include "cli/run_namespaces.h"
#include "cli/run_step.h"
#include "core/escape.h"
#include "os/apart.h"
#include "os/fuse_device.h"
#include "os/mount.h"
#include "os/notify.h"
#include "os/service_self.h"
#include "os/socket.h"

namespace sluice::cli {
namespace {

constexpr int kFdChannel = 3;  // as src/proxy/main.cc has it

// The connection that the server will find as /dev/fd/N, mounted already.
int mount_connection(const ExecOptions& options) {
  const std::string what = absl::StrCat("target \"", core::escaped(options.mount), "\"");
  const os::Fd target(::open(options.mount.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!target) give_up(problem(os::failure(), what));
  os::Fd device = must_have(os::open_fuse_device(), "/dev/fuse");
  os::FuseMount mount{::geteuid(), ::getegid(), false, false, options.server[0]};
  mount.subtype = "sluice-exec";
  const os::Fd made = must_have(os::make_fuse_mount(device.get(), mount), what);
  must_have(os::attach_mount(made.get(), target.get()), what);
  // For the server to keep, and to wait on.
  must(::fcntl(device.get(), F_SETFD, 0) == 0 && ::fcntl(device.get(), F_SETFL, O_RDWR) == 0, "/dev/fuse");
  return device.release();
}

// Of the socket, which the supervisor looks for from another directory.
std::string absolute(std::string path) {
  char directory[PATH_MAX];
  if (path.starts_with('/') || ::getcwd(directory, sizeof(directory)) == nullptr) return path;
  return absl::StrCat(directory, "/", path);
}

[[noreturn]] void become_supervisor(const std::string& program, const os::Fd& channel, const std::string& socket) {
  ::setsid();  // the terminal's Ctrl-C is for the server
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const bool ready = null >= 0 && ::dup2(null, STDIN_FILENO) >= 0 && ::dup2(null, STDOUT_FILENO) >= 0 && ::chdir("/") == 0;
  // The number may be the channel's already, and close-on-exec.
  const int moved = ::fcntl(channel.get(), F_DUPFD, kFdChannel + 1);
  if (ready && moved >= 0 && ::dup2(moved, kFdChannel) >= 0) {
    const char* argv[] = {"sluice-supervisor", socket.c_str(), nullptr};
    const char* environment[] = {nullptr};
    ::execve(program.c_str(), const_cast<char* const*>(argv), const_cast<char* const*>(environment));
  }
  std::fprintf(stderr, "sluice: cannot start %s: %s\n", program.c_str(), std::strerror(errno));
  ::_exit(1);
}

// Nobody's child, since the server waits for its own only. The socket on which it takes the listener.
os::Fd start_supervisor(const std::string& socket) {
  auto channel = os::socket_pair();
  must(channel.ok(), "socketpair");
  const std::string program = program_beside("sluice-supervisor");
  const pid_t pid = ::fork();
  must(pid >= 0, "fork");
  if (pid == 0) {
    if (::fork() != 0) ::_exit(0);
    channel->first.reset();
    become_supervisor(program, channel->second, socket);
  }
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  channel->second.reset();
  pid_t supervisor = 0;
  uint8_t number[sizeof(supervisor)];
  const auto said = os::receive_message(channel->first.get(), number, 0);
  if (!said.ok() || said->length != sizeof(number)) {
    give_up(problem(absl::StatusCode::kInternal, "the supervisor did not start", "see what it said above"));
  }
  std::memcpy(&supervisor, number, sizeof(supervisor));
  os::let_trace_me(supervisor);
  return std::move(channel->first);
}

void put_under_supervision(const std::string& socket) {
  const os::Fd channel = start_supervisor(socket);
  if (!os::has_namespace_admin()) must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  const auto listener = os::install_notification();
  if (!listener.ok() && listener.failure().error == EBUSY) {
    give_up(problem(absl::StatusCode::kFailedPrecondition, "somebody supervises the system calls of this process already",
                    "use sluice exec once, and outside of such a container"));
  }
  must(listener.ok(), "seccomp");
  const int handed[] = {listener->get()};
  const uint8_t byte = 0;
  must_have(os::send_message(channel.get(), {&byte, 1}, handed), "the supervisor");
}

[[noreturn]] void become_server(const std::vector<std::string>& server) {
  std::vector<char*> argv;
  for (const std::string& word : server) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  const int error = errno;
  std::fprintf(stderr, "sluice: cannot run \"%s\": %s\n", core::escaped(server[0]).c_str(), std::strerror(error));
  ::_exit(error == ENOENT ? 127 : 126);
}

}  // namespace

int exec_command(const ExecOptions& options) {
  if (auto held = os::hold_standard_descriptors(); !held.ok()) give_up(problem(held.failure(), "/dev/null"));
  if (auto clear = check_exec_words(options); !clear.ok()) return report(clear);
  const std::string socket = absolute(service_socket(options.socket));
  std::vector<std::string> server = options.server;
  if (options.unshare) {
    enter_namespaces(RunOptions{}, -1);
    must_have(os::keep_capabilities_over_exec(), "capabilities");
  }
  if (!options.mount.empty()) {
    if (!os::has_namespace_admin()) {
      give_up(problem(absl::StatusCode::kPermissionDenied, "--mount: this user may not mount here",
                      "add --unshare, which gives the server a mount namespace of its own"));
    }
    name_connection(server, mount_connection(options));
  }
  // Root on the host has the ioctls itself.
  if (!os::is_host_root()) put_under_supervision(socket);
  become_server(server);
}

}  // namespace sluice::cli
