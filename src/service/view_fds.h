// The descriptors that the main process holds of a view.
#pragma once

#include "os/fd.h"

namespace sluice::service {

struct ViewFds {
  os::Fd device, broker_events, worker_events, counters;
  os::Fd broker, worker;     // pidfds; a view may have no worker just now
  os::Fd peer;               // whose end is the view's; of a tied one only
  os::Fd park;               // for its next worker and broker: service/park.h; none where there can be no other
  // By which its worker, and the next one, is told of changes: a fanotify group, or /dev/null. The kernel takes some 20 ms to be done
  // with the last descriptor of a group (Linux 6.18, fsnotify_destroy_group()): so long a worker that alone had it would take to
  // end, while everybody waits for the next. Not stored; none while the view rests.
  os::Fd watch;
};

}  // namespace sluice::service
