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
  void remove(int fd);
  // Tags of what is readable or closed; empty after the time. < 0 milliseconds: for ever.
  core::Result<std::vector<uint64_t>> wait(int milliseconds);

 private:
  explicit Poller(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

// Service. SIGTERM, SIGINT and SIGHUP as something to read, blocked otherwise.
core::Result<Fd> termination_signals();

}  // namespace sluice::os
