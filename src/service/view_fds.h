// The descriptors that the main process holds of a view.
#pragma once

#include "os/fd.h"

namespace sluice::service {

struct ViewFds {
  os::Fd device, broker_events, worker_events, counters;
  os::Fd broker, worker;     // pidfds; a view may have no worker just now
  os::Fd peer;               // whose end is the view's; of a tied one only
  os::Fd park;               // for its next worker and broker: service/park.h; none where there can be no other
};

}  // namespace sluice::service
