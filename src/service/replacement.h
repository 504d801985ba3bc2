// Another worker in the place of one that has ended: made by a set-up process of its own, which hears of nobody but the
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
};

// What goes along with a report of kMadeWorker.
enum WorkerFd { kWorkerProcess, kWorkerEventsEnd, kWorkerFds };

// Set-up process. All borrowed. Nothing is left where it fails, which the main process sees by its end.
void run_replacement(const Executables& executables, const Replacement& replacement);

}  // namespace sluice::service
