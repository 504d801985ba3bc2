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
#include "os/foreign.h"
#include "os/fuse_device.h"
#include "os/mount.h"
#include "os/notify.h"
#include "os/service_self.h"
#include "os/socket.h"

namespace sluice::cli {
namespace {

constexpr int kFdChannel = 3;  // as src/proxy/main.cc has it

// A connection that is not attached yet.
struct Connection {
  os::Fd device, mount;
};

std::string target_of(const ExecOptions& options) {
  return absl::StrCat("target \"", core::escaped(options.mount), "\"");
}

Connection make_connection(const ExecOptions& options) {
  Connection made;
  made.device = must_have(os::open_fuse_device(), "/dev/fuse");
  os::FuseMount mount{::geteuid(), ::getegid(), false, false, options.server[0]};
  mount.subtype = "sluice-exec";
  made.mount = must_have(os::make_fuse_mount(made.device.get(), mount), target_of(options));
  return made;
}

// The server will find it as /dev/fd/N, mounted already.
int attach(Connection connection, const ExecOptions& options) {
  const os::Fd target(::open(options.mount.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!target) give_up(problem(os::failure(), target_of(options)));
  must_have(os::attach_mount(connection.mount.get(), target.get()), target_of(options));
  // For the server to keep, and to wait on.
  const int device = connection.device.get();
  must(::fcntl(device, F_SETFD, 0) == 0 && ::fcntl(device, F_SETFL, O_RDWR) == 0, "/dev/fuse");
  return connection.device.release();
}

// Of the socket, which the supervisor looks for from another directory.
std::string absolute(std::string path) {
  char directory[PATH_MAX];
  if (path.starts_with('/') || ::getcwd(directory, sizeof(directory)) == nullptr) return path;
  return absl::StrCat(directory, "/", path);
}

[[noreturn]] void become_supervisor(const std::string& program, const os::Fd& channel, const std::string& socket,
                                    bool connects) {
  ::setsid();  // the terminal's Ctrl-C is for the server
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const bool ready = null >= 0 && ::dup2(null, STDIN_FILENO) >= 0 && ::dup2(null, STDOUT_FILENO) >= 0 && ::chdir("/") == 0;
  // The number may be the channel's already, and close-on-exec.
  const int moved = ::fcntl(channel.get(), F_DUPFD, kFdChannel + 1);
  if (ready && moved >= 0 && ::dup2(moved, kFdChannel) >= 0) {
    const char* argv[] = {"sluice-supervisor", socket.c_str(), connects ? "connect" : nullptr, nullptr};
    const char* environment[] = {nullptr};
    ::execve(program.c_str(), const_cast<char* const*>(argv), const_cast<char* const*>(environment));
  }
  std::fprintf(stderr, "sluice: cannot start %s: %s\n", program.c_str(), std::strerror(errno));
  ::_exit(1);
}

struct SupervisorLink {
  os::Fd channel;         // on which it takes the listener
  Connection connection;  // that the service has made, if it was asked to
};
// Nobody's child, since the server waits for its own only.
SupervisorLink start_supervisor(const std::string& program, const std::string& socket, bool connects) {
  auto channel = os::socket_pair();
  must(channel.ok(), "socketpair");
  const pid_t pid = ::fork();
  must(pid >= 0, "fork");
  if (pid == 0) {
    if (::fork() != 0) ::_exit(0);
    channel->first.reset();
    become_supervisor(program, channel->second, socket, connects);
  }
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  channel->second.reset();
  pid_t supervisor = 0;
  uint8_t number[sizeof(supervisor)];
  auto said = os::receive_message(channel->first.get(), number, 2);
  if (!said.ok() || said->length != sizeof(number) || said->fds.size() != (connects ? 2 : 0)) {
    give_up(problem(absl::StatusCode::kInternal, "the supervisor did not start", "see what it said above"));
  }
  std::memcpy(&supervisor, number, sizeof(supervisor));
  os::let_trace_me(supervisor);
  SupervisorLink link{std::move(channel->first), {}};
  if (connects) link.connection = {std::move(said->fds[0]), std::move(said->fds[1])};
  return link;
}

void put_under_supervision(const os::Fd& channel) {
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
  // Before the mount namespace is left: with its last process go its mounts, and with these this program's path.
  const std::string program = program_beside("sluice-supervisor");
  if (options.unshare) {
    enter_namespaces(RunOptions{}, -1);
    must_have(os::keep_capabilities_over_exec(), "capabilities");
  }
  const bool mounts = !options.mount.empty();
  if (mounts && !os::has_namespace_admin()) {
    give_up(problem(absl::StatusCode::kPermissionDenied, "--mount: this user may not mount here",
                    "add --unshare, which gives the server a mount namespace of its own"));
  }
  // Root on the host has the ioctls itself.
  const bool supervised = !os::is_host_root();
  Connection connection;
  if (mounts && !(supervised && options.by_service)) connection = make_connection(options);
  // What the kernel does not show to be this one's, the service would not know; one that it makes itself it does.
  const bool shown = connection.device && os::connection_served_by(connection.device.get()).ok();
  const bool by_service = mounts && supervised && !shown;
  SupervisorLink link;
  if (supervised) link = start_supervisor(program, socket, by_service);
  if (by_service) connection = std::move(link.connection);
  if (mounts) name_connection(server, attach(std::move(connection), options));
  if (supervised) put_under_supervision(link.channel);
  become_server(server);
}

}  // namespace sluice::cli
