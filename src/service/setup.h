// Serving one hello: in a process of its own, because a peer may dawdle, lie, or hand over a
// directory of a filesystem that never answers.
#pragma once

#include <span>
#include <string>

#include "os/socket.h"
#include "service/maker.h"
#include "wire/report.h"

namespace sluice::service {

struct Setup {
  int peer;                     // the client's connection, borrowed
  int report;                   // to the main process, borrowed
  os::Peer identity;            // of the peer
  const Executables* executables;
  MakerOptions options;
  bool log_refusal;             // not where the peer is the one user of this service, and is told
  uint64_t view_id;             // of the view that may come of it
  bool busy;                    // with others: the view's processes may wait for its first request
};

// What goes along with a report of kMade; behind it what is kept for the next worker (service/park.h), where there may be one.
enum ViewFd { kViewDevice, kViewBroker, kViewWorker, kViewBrokerEvents, kViewWorkerEvents, kViewCounters, kViewWatch, kViewFds };

// The same of kMadeResting.
enum RestingFd { kRestingDevice, kRestingCounters, kRestingPark, kRestingFds };

// The same of kMadeConnection.
enum ConnectionFd { kConnectionBroker, kConnectionBrokerEvents, kConnectionFds };

// What is said to the peer; one question to the main process and its answer; the unit that the peer is of, shown
// only, so that it may be missing.
void answer(const Setup& setup, const wire::Reply& reply, std::span<const int> fds = {});
core::Result<wire::Reply> ask(int report, const wire::Report& question, std::span<const int> fds = {});
std::string unit_of_peer(int peer);

// Set-up process. Serves one hello and returns.
void run_setup(const Setup& setup);

}  // namespace sluice::service
