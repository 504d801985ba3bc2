// Another worker in the place of one that has ended, or for when it will have, and another broker, where that one has ended:
// made by a set-up process of its own, which hears of nobody but the main process.
#pragma once

#include "core/rules.h"
#include "service/processes.h"

namespace sluice::service {

struct Replacement {
  int report;  // to the main process
  int device, counters;
  int park;  // of the view
  int watch; // < 0: it has none
  const core::Rules* rules;  // other ones than the view began with, or nullptr
  bool with_broker;          // it has ended, too
  bool spare;                // the worker is to wait: the view has one
};

// What goes along with a report of kMadeWorker, and with one of kMadeBoth: there what is kept comes last, since the channels are
// others.
enum WorkerFd { kWorkerProcess, kWorkerEventsEnd, kWorkerWatch, kWorkerFds, kBrokerProcess = kWorkerFds, kBrokerEventsEnd, kParkOfBoth, kBothFds };

// Set-up process. All borrowed. Nothing is left where it fails, which the main process sees by its end.
void run_replacement(const Executables& executables, const Replacement& replacement);

}  // namespace sluice::service
