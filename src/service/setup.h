// Serving one hello: in a process of its own, because a peer may dawdle, lie, or hand over a
// directory of a filesystem that never answers.
#pragma once

#include <vector>

#include "os/socket.h"
#include "service/processes.h"
#include "wire/control.h"

namespace sluice::service {

struct Setup {
  int peer;                     // the client's connection, borrowed
  int report;                   // to the service, borrowed
  os::Peer identity;            // of the peer
  const Executables* executables;
  bool may_preserve;            // started with --preserve
  bool log_refusal;             // not where the peer is the one user of this service, and is told
  uint64_t view_id;             // for the view that may come of it
  std::vector<wire::ViewInfo> views;  // as they were when this process was forked
};

// What a set-up process tells the service: a ViewInfo with these descriptors along, or without any:
// end the view of that id.
enum ReportFd { kDevice, kBrokerPid, kWorkerPid, kBrokerEvents, kWorkerEvents, kCounters, kReportFds };

// Set-up process. Serves one hello and returns.
void run_setup(const Setup& setup);

}  // namespace sluice::service
