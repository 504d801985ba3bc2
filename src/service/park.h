// What a view's next worker and broker are started with, as one descriptor of the main process's, which keeps it for as long as the
// view is there and needs what lies in it never.
//
// It lies in the queue of a socket whose other end is closed: who has the socket takes copies out, and can put nothing there. The
// kernel counts what lies there to the view's own real uid, which nobody else has, so that no number of views comes to its limit
// (RLIMIT_NOFILE, in unix(7): ETOOMANYREFS).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/result.h"
#include "os/fd.h"

namespace sluice::service {

// Set-up process. kept: borrowed, in the order of service/worker_process.h.
core::Result<os::Fd> park(std::span<const int> kept, uint32_t private_uid);

// Set-up process; main process, before it is confined. Copies of what lies there, which stays. kProtocol: it is not what was parked
// of a view: the number of descriptors alone is looked at.
core::Result<std::vector<os::Fd>> look_into_park(int park);

}  // namespace sluice::service
