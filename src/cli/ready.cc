#include "cli/ready.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "os/fd.h"

namespace sluice::cli {

void tell_manager_ready() {
  const char* named = std::getenv("NOTIFY_SOCKET");
  struct sockaddr_un address {};
  const std::string_view path(named == nullptr ? "" : named);
  if (path.empty() || path.size() >= sizeof(address.sun_path)) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + path.size());
  const os::Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  constexpr std::string_view kReady = "READY=1";
  if (socket) {
    (void)::sendto(socket.get(), kReady.data(), kReady.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                   reinterpret_cast<const struct sockaddr*>(&address), length);
  }
}

}  // namespace sluice::cli
