// The descriptors that the main process holds of a view.
#pragma once

#include <span>
#include <vector>

#include "os/fd.h"

namespace sluice::service {

struct ViewFds {
  os::Fd device, broker_events, worker_events, counters;
  os::Fd broker, worker;     // pidfds; a view may have no worker just now
  os::Fd peer;               // whose end is the view's; of a tied one only
  std::vector<os::Fd> kept;  // for its next worker and broker: service/worker_process.h
};

}  // namespace sluice::service
