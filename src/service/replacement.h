// Another worker in the place of one that has ended, and another broker, where that one has: made by a set-up process of its own, which hears of nobody but the
// main process.
#pragma once

#include <span>

#include "core/rules.h"
#include "service/processes.h"

namespace sluice::service {

struct Replacement {
  int report;  // to the main process
  int device, counters;
  std::span<const int> kept;
  const core::Rules* rules;  // other ones than the view began with, or nullptr
  bool with_broker;          // it has ended, too
};

// What goes along with a report of kMadeWorker, and with one of kMadeBoth: there the worker's ends of the channels come last, as
// they are kept.
enum WorkerFd { kWorkerProcess, kWorkerEventsEnd, kWorkerFds, kBrokerProcess = kWorkerFds, kBrokerEventsEnd, kChannels,
                kBothFds = kChannels + 3 };

// Set-up process. All borrowed. Nothing is left where it fails, which the main process sees by its end.
void run_replacement(const Executables& executables, const Replacement& replacement);

}  // namespace sluice::service
