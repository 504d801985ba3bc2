// What services have left, by its name, and the service that is connected.
//
// The keeper's only thread. It looks into nothing that it keeps: what that is, the next service asks the kernel.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "os/fd.h"
#include "os/poller.h"

namespace sluice::keeper {

class Keeper {
 public:
  // listener: borrowed; accepting never waits. poller: watches nothing yet.
  Keeper(int listener, os::Poller poller) : listener_(listener), poller_(std::move(poller)) {}

  // Until nothing is kept and no service is connected.
  core::Outcome run();

 private:
  void admit_all();
  // Somebody has connected: the service from now on, or nobody.
  void admit(os::Fd peer);
  // Whether it was greeted and has, unless there is another, all that is kept.
  bool greet(int peer) const;
  // All that the service has said so far. Where it has gone, or says what none says, it is let go.
  void hear();
  bool obey(std::span<const uint8_t> order, std::vector<os::Fd> fds);

  struct Kept {
    std::string name;
    os::Fd fd;
  };
  const int listener_;
  os::Poller poller_;
  os::Fd service_;
  std::vector<Kept> kept_;
};

}  // namespace sluice::keeper
