// sluice-supervisor SOCKET: does a server's passthrough ioctls for it, through the service that listens at SOCKET.
//
// Started by `sluice exec`, in the namespaces and as the user of the server that it becomes, with one descriptor: a
// socket on which the listener of the server's filter comes. It is confined before it takes it.
#include <linux/capability.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "generated/supervisor_policy.h"
#include "os/notify.h"
#include "os/service_link.h"
#include "os/service_self.h"
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

int run(const char* socket) {
  os::close_others(kFdChannel);
  os::Fd channel(kFdChannel);
  const pid_t self = ::getpid();
  if (!confine()) return 1;
  // From here on it is ready: the server may let it trace it.
  uint8_t number[sizeof(self)];
  std::memcpy(number, &self, sizeof(self));
  if (!os::send_packet(channel.get(), number).ok()) return 1;
  uint8_t byte[1];
  auto packet = os::receive_packet(channel.get(), byte, 0, os::nanoseconds_now() + kStartNanoseconds);
  if (!packet.ok() || !packet->fds[0]) return 1;  // the command has said why
  channel.reset();
  return Supervisor(std::move(packet->fds[0]), socket).run().ok() ? 0 : 1;
}

}  // namespace
}  // namespace sluice::proxy

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  return sluice::proxy::run(argv[1]);
}
