// A view's worker: what it is started with, by the set-up process that makes the view and by one that puts another in
// its place.
#pragma once

#include <span>
#include <vector>

#include "core/result.h"
#include "core/rules.h"
#include "os/fd.h"
#include "os/process.h"

namespace sluice::service {

// What stays of a view for its next worker and broker (service/park.h), in this order; behind it the grafts' trees, of which,
// as of the source's, each of them gets copies. The channels' are the worker's ends: the broker does not notice that another
// holds them. The programs are those that its first processes ran: whatever has been installed meanwhile, a view's processes
// are of one version.
enum Kept { kKeptStart, kKeptTable, kKeptGrantRw, kKeptGrantRo, kKeptData, kKeptRecord, kKeptProgram, kKeptLedger,
            kKeptBrokerProgram, kKeptRoot };
inline constexpr size_t kKeptLeast = kKeptRoot + 1;

// Whether the view had a worker before, or still has one, whose end it is to wait for: it is told, and does not ask what that
// one left.
enum class Place { kFirst, kLater, kSpare };

struct WorkerProcess {
  os::Child child;
  os::Fd events;  // the service's end
  os::Fd watch;   // the same that it is told of changes by, or /dev/null
};

// Set-up process. All borrowed. trees: detached, of the source and of each graft; the worker attaches them, so that they
// serve no other. rules: other ones than the view began with, or nullptr. executable: the program as it is now, by which
// that which was kept is judged. watch: as the worker before this one has it; < 0: another is made. Started only: wait_ready().
core::Result<WorkerProcess> spawn_worker(int executable, int device, int counters, int watch, std::span<const int> kept,
                                         std::span<const int> trees, const core::Rules* rules, Place place);

}  // namespace sluice::service
