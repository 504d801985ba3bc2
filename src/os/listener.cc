#include "os/listener.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "os/own_directory.h"
#include "os/poller.h"
#include "os/socket.h"

namespace sluice::os {
namespace {

constexpr int kBacklog = 128;

// What was left there by a service that was killed. Anything else stays.
core::Outcome remove_stale(std::string_view path, int directory, const std::string& name) {
  struct stat stat;
  if (::fstatat(directory, name.c_str(), &stat, AT_SYMLINK_NOFOLLOW) < 0) {
    return errno == ENOENT ? core::Outcome(core::Done{}) : core::Outcome(failure());
  }
  if (!S_ISSOCK(stat.st_mode)) return core::Failure{ENOTSOCK, core::Reason::kSocketTaken};
  // Only this says that nobody listens: a socket of another type, or one that may not be connected
  // to, is somebody's.
  const auto other = connect_to(path);
  if (other.ok() || other.failure().error != ECONNREFUSED) {
    return core::Failure{EADDRINUSE, core::Reason::kSocketTaken};
  }
  return checked(::unlinkat(directory, name.c_str(), 0));
}

int option_of(int socket, int option) {
  int value = -1;
  socklen_t length = sizeof(value);
  return ::getsockopt(socket, SOL_SOCKET, option, &value, &length) < 0 ? -1 : value;
}

}  // namespace

core::Result<Listener> listen_at(std::string_view path, uint32_t mode) {
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return core::Failure{ENAMETOOLONG, core::Reason::kSystem};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const size_t slash = path.rfind('/');
  const std::string above(slash == std::string_view::npos ? "." : path.substr(0, slash + 1));
  // No link on the way, which somebody else might turn: then the path stays what is checked here.
  struct open_how how {};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS;
  auto directory = checked_fd(::syscall(SYS_openat2, AT_FDCWD, above.c_str(), &how, sizeof(how)));
  if (!directory.ok()) {
    const core::Failure& why = directory.failure();
    return why.error == ELOOP ? core::Failure{ELOOP, core::Reason::kSocketDirectory} : why;
  }
  if (auto ours = check_directories(directory->get()); !ours.ok()) return ours.failure();
  std::string name(path.substr(slash == std::string_view::npos ? 0 : slash + 1));
  if (auto free = remove_stale(path, directory->get(), name); !free.ok()) return free.failure();
  auto socket = checked_fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.ok()) return socket.failure();
  // Made unreachable first and opened up once it has its mode.
  const mode_t before = ::umask(0777);
  const int bound =
      ::bind(socket->get(), reinterpret_cast<const struct sockaddr*>(&address), sizeof(address));
  ::umask(before);
  if (bound < 0 || ::listen(socket->get(), kBacklog) < 0 || ::chmod(address.sun_path, mode) < 0) {
    return failure();
  }
  return Listener{*std::move(socket), *std::move(directory), std::move(name)};
}

void Listener::remove() const { ::unlinkat(directory.get(), name.c_str(), 0); }

core::Outcome adopt_listener(int fd) {
  if (option_of(fd, SO_DOMAIN) != AF_UNIX || option_of(fd, SO_TYPE) != SOCK_SEQPACKET ||
      option_of(fd, SO_ACCEPTCONN) != 1) {
    return core::Failure{ENOTSOCK, core::Reason::kListenFds};
  }
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) return failure();
  return set_nonblocking(fd);
}

core::Result<Fd> accept_from(int listener) {
  return checked_fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
}

}  // namespace sluice::os
