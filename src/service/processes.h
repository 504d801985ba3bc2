// The two processes of a view.
#pragma once

#include <cstdint>
#include <vector>

#include "core/result.h"
#include "os/fd.h"
#include "os/process.h"
#include "wire/view_config.h"

namespace sluice::service {

// The programs, opened once when the service starts, so that no path decides later what is run.
struct Executables {
  os::Fd broker;
  os::Fd worker;
};
// They lie beside the service's own executable.
core::Result<Executables> open_executables();

struct Identity {
  uint32_t uid;
  uint32_t gid;
  std::vector<uint32_t> groups;
};

struct Processes {
  os::Child broker;
  os::Child worker;
  os::Fd broker_events;
  os::Fd worker_events;
  os::Fd counters;
};

// Set-up process. Starts both and waits until they are confined and serve. device, root_ro and
// root_rw are borrowed. On failure neither is left.
core::Result<Processes> start_processes(const Executables& executables, int device, int root_ro,
                                        int root_rw, const Identity& identity,
                                        const wire::ViewConfig& config);

}  // namespace sluice::service
