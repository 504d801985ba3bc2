// sluice-supervisor SOCKET [connect]: does a server's passthrough ioctls for it, through the service that listens at
// SOCKET. connect: it has the service make a connection first, which the command mounts and the server serves.
//
// Started by `sluice exec`, in the namespaces and as the user of the server that it becomes, with one descriptor: a
// socket on which it says its number (and sends the connection's descriptor and mount), and on which the listener of
// the server's filter comes. It is confined before that.
#include <linux/capability.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <span>

#include "generated/supervisor_policy.h"
#include "os/notify.h"
#include "os/service_link.h"
#include "os/service_self.h"
#include "os/socket.h"
#include "proxy/supervisor.h"
#include "sandbox/confine.h"

namespace sluice::proxy {
namespace {

constexpr int kFdChannel = 3;
constexpr int64_t kStartNanoseconds = 10'000'000'000;

bool done(const core::Outcome& outcome, const char* step) {
  if (outcome.ok()) return true;
  std::fprintf(stderr, "sluice-supervisor: %s: %s\n", step, std::strerror(outcome.failure().error));
  return false;
}

// It stays dumpable: the service identifies it by its namespaces, which only such a process shows to its own user.
// Whoever could trace it is that user, and could ask the service instead.
bool confine() {
  // The user may have started the server with capabilities in a namespace: who looks into it has to have this one.
  const int over_namespace[] = {CAP_SYS_PTRACE};
  const auto keep = std::span(over_namespace).first(os::may_trace_namespace() ? 1 : 0);
  return done(os::refuse_new_privileges(), "no_new_privs") && done(sandbox::keep_capabilities(keep), "capabilities") &&
         done(sandbox::install_filter(sandbox::supervisor_policy()), "seccomp");
}

// What the command is sent of a connection that the service makes; the rest is kept.
struct Made {
  os::Fd device, mount;
};
bool make_connection(const char* socket, Connections& connections, Made& made) {
  int device = -1, mount = -1;
  sluice_session* session = nullptr;
  if (const int error = sluice_connect(socket, &device, &mount, &session); error < 0) {
    const unsigned reason = sluice_last_reason();
    const bool system = reason <= static_cast<unsigned>(core::Reason::kSystem);
    std::fprintf(stderr, "sluice: the service makes no connection: %s\n",
                 error == -EAGAIN ? "no service answers" : system ? std::strerror(-error) : sluice_reason_text(reason));
    return false;
  }
  Session held(session);
  made = {os::Fd(device), os::Fd(mount)};
  auto kept = os::duplicate_privately(device);
  if (!kept.ok()) return done(kept.failure(), "/dev/fuse");
  connections.add(*std::move(kept), std::move(held));
  return true;
}

int run(const char* socket, bool connects) {
  os::close_others(kFdChannel);
  os::Fd channel(kFdChannel);
  const pid_t self = ::getpid();
  if (!confine()) return 1;
  Connections connections(socket);
  Made made;
  if (connects && !make_connection(socket, connections, made)) return 1;
  // From here on it is ready: the server may let it trace it.
  uint8_t number[sizeof(self)];
  std::memcpy(number, &self, sizeof(self));
  const int handed[] = {made.device.get(), made.mount.get()};
  if (!os::send_message(channel.get(), number, std::span(handed).first(connects ? 2 : 0)).ok()) return 1;
  made = {};
  uint8_t byte[1];
  auto packet = os::receive_packet(channel.get(), byte, 0, os::nanoseconds_now() + kStartNanoseconds);
  if (!packet.ok() || !packet->fds[0]) return 1;  // the command has said why
  channel.reset();
  return Supervisor(std::move(packet->fds[0]), std::move(connections)).run().ok() ? 0 : 1;
}

}  // namespace
}  // namespace sluice::proxy

int main(int argc, char** argv) {
  const bool connects = argc == 3 && std::strcmp(argv[2], "connect") == 0;
  if (argc != 2 && !connects) return 2;
  return sluice::proxy::run(argv[1], connects);
}
