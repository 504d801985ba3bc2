// Waiting for many descriptors at once.
#pragma once

#include <cstdint>
#include <vector>

#include "os/fd.h"

namespace sluice::os {

class Poller {
 public:
  static core::Result<Poller> create();
  // fd: borrowed; watched until it is closed everywhere or removed. tag comes back from wait().
  core::Outcome add(int fd, uint64_t tag);
  // The same, until it was readable or closed once.
  core::Outcome add_once(int fd, uint64_t tag);
  void remove(int fd);
  struct Event {
    uint64_t tag;
    bool ended;  // an error, or the other end has gone
  };
  // What is readable or closed; empty after the time. < 0 milliseconds: for ever.
  core::Result<std::vector<Event>> wait(int milliseconds);

 private:
  core::Outcome watch(int fd, uint32_t events, uint64_t tag);
  explicit Poller(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

core::Outcome set_nonblocking(int fd);
// Waits until this one is readable or closed; false: the time is over. < 0 milliseconds: for ever.
core::Result<bool> wait_readable(int fd, int milliseconds);
// The same, until something can be sent.
core::Result<bool> wait_writable(int fd, int milliseconds);

// Service. SIGTERM, SIGINT and SIGHUP as something to read, blocked otherwise.
core::Result<Fd> termination_signals();
// Service: the same, and SIGCHLD. next_signal: EAGAIN where none came.
core::Result<Fd> service_signals();
core::Result<int> next_signal(int signals);

}  // namespace sluice::os
