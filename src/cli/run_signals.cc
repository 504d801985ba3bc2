#include "cli/run_signals.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace sluice::cli {
namespace {

constexpr int kHandled[] = {SIGCHLD, SIGTERM, SIGHUP,  SIGINT,  SIGQUIT, SIGUSR1, SIGUSR2,
                            SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH, SIGALRM};

sigset_t handled() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : kHandled) ::sigaddset(&signals, signal);
  return signals;
}

// 0: nothing there.
struct signalfd_siginfo next_of(int fd) {
  struct signalfd_siginfo info {};
  if (::read(fd, &info, sizeof(info)) != sizeof(info)) info.ssi_signo = 0;
  return info;
}

// What the terminal sends reaches the command by itself, as a process of the same group.
void pass_on(const struct signalfd_siginfo& info, pid_t pid) {
  const auto signal = static_cast<int>(info.ssi_signo);
  const bool may_be_typed = signal == SIGINT || signal == SIGQUIT || signal == SIGTSTP ||
                            signal == SIGTTIN || signal == SIGTTOU || signal == SIGWINCH;
  if (!may_be_typed || info.ssi_code <= 0) ::kill(pid, signal);
}

// So that the shell sees the job stop. SIGCONT, which goes on here, is passed on as any signal.
void stop_by(int signal) {
  sigset_t one, before;
  ::sigemptyset(&one);
  ::sigaddset(&one, signal);
  // Raised before it is let through: where the terminal has sent it to us as well, it is then one.
  ::raise(signal);
  ::sigprocmask(SIG_UNBLOCK, &one, &before);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

int status_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

Signals::Signals() {
  const sigset_t signals = handled();
  ::sigprocmask(SIG_BLOCK, &signals, &before_);
  // Where they are ignored, children cannot be waited for.
  children_ignored_ = ::signal(SIGCHLD, SIG_DFL) == SIG_IGN;
  fd_.reset(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

void Signals::give_back() const {
  if (children_ignored_) ::signal(SIGCHLD, SIG_IGN);
  ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

OwnTerminal::OwnTerminal() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && fd_ < 0; ++fd) {
    if (const pid_t group = ::tcgetpgrp(fd); group > 0 && group == ::getpgrp()) fd_ = fd;
  }
}

void OwnTerminal::take_back() const {
  if (fd_ < 0) return;
  const pid_t group = ::tcgetpgrp(fd_);
  // SIGTTOU is blocked here, so that this does not stop us.
  if (group > 0 && group != ::getpgrp() && ::kill(-group, 0) < 0 && errno == ESRCH) {
    ::tcsetpgrp(fd_, ::getpgrp());
  }
}

int follow(pid_t pid, const Signals& signals, int stops) {
  struct pollfd waiting[] = {{signals.fd(), POLLIN, 0}, {stops, POLLIN, 0}};
  for (;;) {
    if (::poll(waiting, 2, -1) < 0) continue;
    if (waiting[1].revents != 0) {
      int signal;
      if (::read(stops, &signal, sizeof(signal)) == sizeof(signal)) {
        stop_by(signal);
      } else {
        waiting[1].fd = -1;  // it has ended
      }
    }
    const struct signalfd_siginfo info = next_of(signals.fd());
    if (info.ssi_signo == 0) continue;
    if (info.ssi_signo != SIGCHLD) {
      pass_on(info, pid);
      continue;
    }
    int status;
    if (::waitpid(pid, &status, WNOHANG | WUNTRACED) != pid) continue;
    if (!WIFSTOPPED(status)) return status_of(status);
    stop_by(WSTOPSIG(status));
  }
}

void be_init(pid_t command, const Signals& signals, int stops) {
  // What else was open is the view's, the service's, and who waits for their end.
  const int low = std::min(signals.fd(), stops), high = std::max(signals.fd(), stops);
  if (low > 3) ::close_range(3, static_cast<unsigned>(low) - 1, 0);
  if (high > low + 1) ::close_range(static_cast<unsigned>(low) + 1, static_cast<unsigned>(high) - 1, 0);
  ::close_range(static_cast<unsigned>(high) + 1, ~0u, 0);
  struct pollfd waiting = {signals.fd(), POLLIN, 0};
  for (;;) {
    if (::poll(&waiting, 1, -1) < 0) continue;
    const struct signalfd_siginfo info = next_of(signals.fd());
    if (info.ssi_signo == 0) continue;
    if (info.ssi_signo != SIGCHLD) {
      pass_on(info, command);
      continue;
    }
    int status;
    for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0;) {
      if (pid != command) continue;
      if (!WIFSTOPPED(status)) ::_exit(status_of(status));
      // The first process of a namespace cannot be stopped from within: who started it stops.
      const int signal = WSTOPSIG(status);
      (void)!::write(stops, &signal, sizeof(signal));
    }
  }
}

}  // namespace sluice::cli
