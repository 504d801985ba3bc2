#include "cli/client.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "cli/output.h"
#include "core/escape.h"
#include "core/limits.h"
#include "os/apart.h"
#include "os/socket.h"

namespace sluice::cli {
namespace {

constexpr char kRunDirectory[] = "/run/sluice";
constexpr char kDefaultSocket[] = "/run/sluice/sluice.sock";
constexpr char kPrivatePrefix[] = "private-";
// From making its socket, on a busy machine.
constexpr int kTriesToListen = 50;
constexpr useconds_t kMicrosecondsBetween = 20'000;

std::string private_socket_of(pid_t pid) {
  return absl::StrCat(kRunDirectory, "/", kPrivatePrefix, pid, ".sock");
}

// Where a private service that outlives its terminal logs: the journal, if there is one.
os::Fd journal_stream() {
  os::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, "/run/systemd/journal/stdout");
  // Identifier, unit, priority, and four switches: see sd_journal_stream_fd(3).
  constexpr char kHeader[] = "sluiced\n\n6\n1\n0\n0\n0\n";
  if (!fd || ::connect(fd.get(), reinterpret_cast<struct sockaddr*>(&address), sizeof(address)) < 0 ||
      ::write(fd.get(), kHeader, sizeof(kHeader) - 1) < 0) {
    return os::Fd();
  }
  return fd;
}

[[noreturn]] void become_service(const std::string& program, os::Fd peer, const PrivateService& how) {
  ::setsid();  // the terminal's Ctrl-C is for the command, which ends the view in order
  const int number = ::dup(peer.get());  // not close-on-exec
  if (how.background) {
    if (const os::Fd log = journal_stream()) {
      ::dup2(log.get(), STDERR_FILENO);
      struct stat stream;
      if (::fstat(log.get(), &stream) == 0) {
        ::setenv("JOURNAL_STREAM", absl::StrCat(stream.st_dev, ":", stream.st_ino).c_str(), 1);
      }
    }
    const os::Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    ::dup2(null.get(), STDIN_FILENO);
    ::dup2(null.get(), STDOUT_FILENO);
    // A pipe or terminal of the caller's would be held open; a file is where it wants the log.
    struct stat stat;
    const bool file = ::fstat(STDERR_FILENO, &stat) == 0 && S_ISREG(stat.st_mode);
    if (!file && std::getenv("JOURNAL_STREAM") == nullptr) ::dup2(null.get(), STDERR_FILENO);
  }
  const std::string fd = absl::StrCat(number);
  const std::string socket = private_socket_of(::getpid());
  std::vector<const char*> argv = {"sluiced",      "--peer", fd.c_str(), "--listen",
                                   socket.c_str(), "--mode", "0666"};
  if (how.preserve) argv.push_back("--preserve");
  if (how.device_nodes) argv.push_back("--device-nodes");
  if (how.quiet) argv.push_back("--quiet");
  for (const std::string& name : how.allow_missing) {
    argv.insert(argv.end(), {"--allow-missing", name.c_str()});
  }
  argv.push_back(nullptr);
  ::execv(program.c_str(), const_cast<char* const*>(argv.data()));
  std::fprintf(stderr, "sluice: cannot start %s: %s\n", program.c_str(), std::strerror(errno));
  ::_exit(127);
}

absl::StatusOr<Service> start_private_service(const PrivateService& how) {
  // Whatever the umask: users find their views there.
  if (::mkdir(kRunDirectory, 0755) == 0) {
    ::chmod(kRunDirectory, 0755);
  } else if (errno != EEXIST) {
    return problem(os::failure(), kRunDirectory);
  }
  auto pair = os::socket_pair();
  if (!pair.ok()) return problem(pair.failure(), "socketpair");
  const std::string program = program_beside("sluiced");
  const pid_t pid = ::fork();
  if (pid < 0) return problem(os::failure(), "fork");
  if (pid == 0) {
    // Twice where it outlives this command, so that it is nobody's child to wait for.
    if (how.background && ::fork() != 0) ::_exit(0);
    pair->first.reset();
    become_service(program, std::move(pair->second), how);
  }
  if (!how.background) return Service{std::move(pair->first), pid};
  int status;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return Service{std::move(pair->first), -1};
}

// Whose members may connect, where it is not everybody.
std::string group_of(const std::string& socket) {
  struct stat stat;
  if (::stat(socket.c_str(), &stat) < 0 || (stat.st_mode & 0022) != 0020) return {};
  const struct group* group = ::getgrgid(stat.st_gid);
  return group == nullptr ? absl::StrCat(stat.st_gid) : core::escaped(group->gr_name);
}

absl::Status list_at(const std::string& socket, std::vector<ListedView>& views) {
  auto connection = os::connect_to(socket);
  if (!connection.ok()) return problem(connection.failure(), core::escaped(socket));
  (void)os::set_timeout(connection->get(), core::Limits::kSetupSeconds * 1000);
  wire::Hello hello;
  hello.kind = wire::HelloKind::kList;
  auto answer = ask(connection->get(), hello, {}, core::escaped(socket));
  if (!answer.ok()) return answer.status();
  std::vector<uint8_t> buffer(wire::kViewInfoMost);
  for (uint32_t i = 0; i < answer->reply.count; ++i) {
    auto message = os::receive_message(connection->get(), buffer, 0);
    if (!message.ok()) return problem(message.failure(), core::escaped(socket));
    auto info = wire::decode_view({buffer.data(), message->length});
    if (!info.ok()) return problem(info.failure(), core::escaped(socket));
    views.push_back({*std::move(info), socket});
  }
  return absl::OkStatus();
}

}  // namespace

std::string program_beside(const std::string& name) {
  char self[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", self, sizeof(self) - 1);
  std::string directory(self, length < 0 ? 0 : static_cast<size_t>(length));
  directory.resize(directory.rfind('/') + 1);
  for (const char* beside : {"", "../libexec/sluice/"}) {
    const std::string path = absl::StrCat(directory, beside, name);
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return directory + name;
}

std::string service_socket(const std::string& option) {
  if (!option.empty()) return option;
  const char* named = std::getenv("SLUICE_SOCKET");
  return named != nullptr ? named : kDefaultSocket;
}

absl::StatusOr<Service> reach_service(const std::string& socket, const PrivateService& how) {
  auto connection = os::connect_to(socket);
  if (connection.ok()) return Service{*std::move(connection), -1};
  const int error = connection.failure().error;
  const bool none = error == ENOENT || error == ECONNREFUSED;
  if (none && how.never) {
    return problem(absl::StatusCode::kUnavailable,
                   absl::StrCat("no service listens at ", core::escaped(socket), ", and a mount needs one to outlive this program"),
                   "systemctl enable --now sluice.socket, or start sluiced --listen PATH; sluice mount does without");
  }
  if (none && os::is_host_root()) return start_private_service(how);
  if (none) {
    return problem(absl::StatusCode::kUnavailable,
                   absl::StrCat("no service listens at ", core::escaped(socket)),
                   "ask the administrator to start sluiced, or run the command as root");
  }
  const std::string what = absl::StrCat("cannot connect to ", core::escaped(socket));
  if (const std::string group = group_of(socket); error == EACCES && !group.empty()) {
    return problem(absl::StatusCode::kPermissionDenied,
                   absl::StrCat(what, ": only root and the group ", group, " may"),
                   absl::StrCat("ask the administrator: usermod -aG ", group, " USER, and log in again"));
  }
  return problem(connection.failure(), what);
}

void wait_for_service(const Service& service) {
  int status;
  if (service.private_pid <= 0) return;
  while (::waitpid(service.private_pid, &status, 0) < 0 && errno == EINTR) {
  }
  ::unlink(private_socket_of(service.private_pid).c_str());  // there still, if it was killed
}

absl::StatusOr<Answer> ask(int connection, const wire::Hello& hello, std::span<const int> fds,
                           const std::string& what) {
  // A service that is too busy answers and hangs up before it reads: its answer is there all the same.
  const auto sent = os::send_message(connection, wire::encode_hello(hello), fds);
  if (!sent.ok() && sent.failure().error != EPIPE) return problem(sent.failure(), what);
  std::vector<uint8_t> buffer(wire::kViewInfoMost);
  const size_t most_fds = hello.record ? 2 : 1;
  auto message = os::receive_message(connection, buffer, most_fds);
  if (!message.ok() && message.failure().error == ECONNRESET) {
    message = os::receive_message(connection, buffer, most_fds);
  }
  if (!message.ok()) return problem(message.failure(), what);
  if (message->length == 0) {
    return problem(absl::StatusCode::kUnavailable, absl::StrCat(what, ": the service hung up"),
                   "see the service's log");
  }
  auto reply = wire::decode_reply({buffer.data(), message->length});
  if (!reply.ok()) return problem(reply.failure(), what);
  if (reply->reason != core::Reason::kNone) return problem({reply->error, reply->reason}, what);
  return Answer{*std::move(reply), std::move(message->fds)};
}

absl::StatusOr<wire::Totals> totals_of(const std::string& socket) {
  auto connection = os::connect_to(socket);
  if (!connection.ok()) return problem(connection.failure(), core::escaped(socket));
  (void)os::set_timeout(connection->get(), core::Limits::kSetupSeconds * 1000);
  wire::Hello hello;
  hello.kind = wire::HelloKind::kTotals;
  auto answer = ask(connection->get(), hello, {}, core::escaped(socket));
  if (!answer.ok()) return answer.status();
  std::vector<uint8_t> buffer(wire::kViewInfoMost);
  auto message = os::receive_message(connection->get(), buffer, 0);
  if (!message.ok()) return problem(message.failure(), core::escaped(socket));
  auto totals = wire::decode_totals({buffer.data(), message->length});
  if (!totals.ok()) return problem(totals.failure(), core::escaped(socket));
  return *totals;
}

namespace {

// Nor is about to: a service that is just starting has its socket, and refuses for a moment. tries: of all sockets together.
bool nobody_listens(const std::string& socket, int* tries) {
  for (;;) {
    if (auto alive = os::connect_to(socket); alive.ok() || alive.failure().error != ECONNREFUSED) return false;
    if (*tries <= 0) return true;
    --*tries;
    ::usleep(kMicrosecondsBetween);
  }
}

}  // namespace

absl::StatusOr<std::vector<ListedView>> list_views(const std::string& socket) {
  std::vector<ListedView> views;
  if (auto listed = list_at(socket, views); !listed.ok() && ::access(socket.c_str(), F_OK) == 0 &&
                                            !absl::StrContains(listed.message(), "refused")) {
    return listed;
  }
  DIR* directory = ::opendir(kRunDirectory);
  if (directory == nullptr) return views;
  int tries = kTriesToListen;
  while (const struct dirent* entry = ::readdir(directory)) {
    if (!absl::StartsWith(entry->d_name, kPrivatePrefix)) continue;
    const std::string private_socket = absl::StrCat(kRunDirectory, "/", entry->d_name);
    if (list_at(private_socket, views).ok()) continue;
    // One that was killed leaves its socket behind, and answers no more.
    if (nobody_listens(private_socket, &tries)) ::unlink(private_socket.c_str());
  }
  ::closedir(directory);
  return views;
}

}  // namespace sluice::cli
