// What operations cost beside their time: processor time and context switches, of a client and of
// those who serve it.
#pragma once

#include <sys/types.h>

namespace sluicebench {

struct Cost {
  double cpu_seconds = 0;
  double switches = 0;
  Cost operator-(const Cost& other) const {
    return {cpu_seconds - other.cpu_seconds, switches - other.switches};
  }
  Cost operator+(const Cost& other) const {
    return {cpu_seconds + other.cpu_seconds, switches + other.switches};
  }
};

// Of this process, and of its children that have ended.
Cost OwnCost();
// Of a server and all that descends from it, so far; none for 0.
Cost ServersCost(pid_t server);
// Pages that are the servers' own, in KiB; likewise.
long ServersKib(pid_t server);

}  // namespace sluicebench
