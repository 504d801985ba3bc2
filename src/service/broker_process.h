// A view's broker: what it is started with, by the set-up process that makes the view and by one that puts another in
// its place.
#pragma once

#include <array>
#include <span>

#include "core/result.h"
#include "os/fd.h"
#include "os/process.h"
#include "wire/worker_start.h"

namespace sluice::service {

// A tree of a view: two private copies, so that a file can be granted read-only or read-write.
struct Tree {
  os::Fd read_only;
  os::Fd read_write;  // where nothing in it may be written, read-only too
  os::Fd another;     // for the next worker; none before Linux 6.15, where a detached tree has no copies
};

struct BrokerProcess {
  os::Child child;
  os::Fd events;                   // the service's end
  std::array<os::Fd, 3> channels;  // the worker's ends, as service/worker_process.h keeps them
};

// As many bytes as the ledger of a broker takes.
size_t ledger_bytes(const wire::ViewConfig& config);

// Set-up process. All borrowed. executable: the broker of this service; program: the one to run, of the version that the view
// began with. ledger: of so many bytes; zero, or as the view's broker before this one left it. trees: detached,
// of the source and of each graft. Started only: wait_ready().
core::Result<BrokerProcess> spawn_broker(int executable, int program, int device, int ledger, std::span<const Tree> trees,
                                         const wire::WorkerStart& start);

}  // namespace sluice::service
