#include "os/poller.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

namespace sluice::os {

core::Result<Poller> Poller::create() {
  auto fd = checked_fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!fd.ok()) return fd.failure();
  return Poller(*std::move(fd));
}

core::Outcome Poller::add(int fd, uint64_t tag) { return watch(fd, EPOLLIN, tag); }
core::Outcome Poller::add_once(int fd, uint64_t tag) { return watch(fd, EPOLLIN | EPOLLONESHOT, tag); }

core::Outcome Poller::watch(int fd, uint32_t events, uint64_t tag) {
  struct epoll_event event {};
  event.events = events;
  event.data.u64 = tag;
  return checked(::epoll_ctl(fd_.get(), EPOLL_CTL_ADD, fd, &event));
}

void Poller::remove(int fd) { ::epoll_ctl(fd_.get(), EPOLL_CTL_DEL, fd, nullptr); }

core::Result<std::vector<Poller::Event>> Poller::wait(int milliseconds) {
  struct epoll_event events[64];
  const int count = ::epoll_wait(fd_.get(), events, 64, milliseconds);
  if (count < 0 && errno != EINTR) return failure();
  std::vector<Event> happened;
  for (int i = 0; i < count; ++i) {
    happened.push_back({events[i].data.u64, (events[i].events & (EPOLLERR | EPOLLHUP)) != 0});
  }
  return happened;
}

core::Outcome set_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  return checked(flags < 0 ? -1 : ::fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

namespace {

core::Result<bool> wait_for(int fd, short events, int milliseconds) {
  struct pollfd entry {fd, events, 0};
  const int ready = ::poll(&entry, 1, milliseconds);
  if (ready < 0) return failure();
  return ready > 0;
}

}  // namespace

core::Result<bool> wait_readable(int fd, int milliseconds) { return wait_for(fd, POLLIN, milliseconds); }
core::Result<bool> wait_writable(int fd, int milliseconds) { return wait_for(fd, POLLOUT, milliseconds); }

namespace {

core::Result<Fd> signals_of(bool children) {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&signals, signal);
  if (children) ::sigaddset(&signals, SIGCHLD);
  if (::sigprocmask(SIG_BLOCK, &signals, nullptr) < 0) return failure();
  return checked_fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

}  // namespace

core::Result<Fd> termination_signals() { return signals_of(false); }
core::Result<Fd> service_signals() { return signals_of(true); }

core::Result<int> next_signal(int signals) {
  struct signalfd_siginfo info;
  if (::read(signals, &info, sizeof(info)) != static_cast<ssize_t>(sizeof(info))) return failure();
  return static_cast<int>(info.ssi_signo);
}

}  // namespace sluice::os
