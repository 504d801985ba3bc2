#include "live_supervisor.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "os/notify.h"
#include "os/service_self.h"
#include "os/socket.h"

namespace sluice::adversary {
namespace {

void become_user() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::setgroups(0, nullptr) != 0 || ::setresgid(kReportedServer, kReportedServer, kReportedServer) != 0 ||
      ::setresuid(kReportedServer, kReportedServer, kReportedServer) != 0) {
    ::_exit(1);
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
}

}  // namespace

LiveSupervisor::LiveSupervisor(const std::string& programs) {
  auto channel = os::socket_pair();
  if (!channel.ok()) return;
  const os::Fd program(::open((programs + "/sluice-supervisor").c_str(), O_PATH | O_CLOEXEC));
  supervisor_ = ::fork();
  if (supervisor_ == 0) {
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, 0);
    ::dup2(null, 1);
    // What the server's standard error is: here a file, as the log of the others is.
    const int log = ::open("/tmp", O_TMPFILE | O_RDWR, 0600);
    ::dup2(log, 2);
    become_user();
    const int moved = ::fcntl(channel->second.get(), F_DUPFD, 100);
    ::dup2(moved, 3);
    const char* argv[] = {"sluice-supervisor", "/run/sluice/sluice.sock", nullptr};
    const char* environment[] = {nullptr};
    ::fexecve(program.get(), const_cast<char* const*>(argv), const_cast<char* const*>(environment));
    ::_exit(127);
  }
  channel->second.reset();
  (void)os::set_timeout(channel->first.get(), 8000);
  pid_t said = -1;
  uint8_t number[sizeof(said)];
  const auto message = os::receive_message(channel->first.get(), number, 0);
  if (!message.ok() || message->length != sizeof(number)) return;
  std::memcpy(&said, number, sizeof(said));
  if (!start_server(channel->first.get())) return;
  // Until it has taken the listener, and closed its channel.
  uint8_t byte[1];
  const auto closed = os::receive_message(channel->first.get(), byte, 0);
  if (closed.ok() && closed->length == 0) pid_ = said;
}

bool LiveSupervisor::start_server(int channel) {
  server_ = ::fork();
  if (server_ == 0) {
    become_user();
    const auto refused = os::refuse_new_privileges();
    const auto listener = os::install_notification();
    if (!refused.ok() || !listener.ok()) ::_exit(1);
    const int handed[] = {listener->get()};
    const uint8_t byte = 0;
    if (!os::send_message(channel, {&byte, 1}, handed).ok()) ::_exit(1);
    ::close_range(3, ~0u, 0);
    for (;;) ::pause();
  }
  return server_ > 0;
}

LiveSupervisor::~LiveSupervisor() {
  for (const pid_t pid : {server_, supervisor_}) {
    if (pid <= 0) continue;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
}

}  // namespace sluice::adversary
