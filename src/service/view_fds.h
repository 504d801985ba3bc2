// The descriptors that the main process holds of a view.
#pragma once

#include "os/fd.h"

namespace sluice::service {

struct ViewFds {
  os::Fd device, broker_events, worker_events, counters;
  os::Fd broker, worker;     // pidfds; a view may have no worker just now
  os::Fd peer;               // whose end is the view's; of a tied one only
  os::Fd park;               // for its next worker and broker: service/park.h; none where there can be no other
  // By which its worker, and the next one, is told of changes. The kernel takes some 20 ms to be done with the last descriptor of
  // one (fanotify(7)), and so a worker that has another's would take that long to end, while everybody waits for the next. Of this
  // service alone; none while no worker serves.
  os::Fd watch;
};

}  // namespace sluice::service
