// The two processes of a view.
#pragma once

#include <sched.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/limits.h"
#include "core/result.h"
#include "os/fd.h"
#include "os/process.h"
#include "service/broker_process.h"
#include "service/worker_process.h"
#include "wire/view_config.h"

namespace sluice::service {

// The programs, opened once when the service starts, so that no path decides later what is run.
struct Executables {
  os::Fd broker;
  os::Fd foreign_broker;
  os::Fd keeper;  // only where it is asked for
  os::Fd worker;
  os::Fd few_mounts;  // where they are started (os/few_mounts.h), or none: among all that the host has mounted
};
// They lie beside the service's own executable.
core::Result<Executables> open_executables(bool with_keeper);
// Set-up process, once it needs no mount of the host's any more.
core::Outcome leave_mounts(const Executables& executables);

struct Identity {
  uint32_t uid;
  uint32_t gid;
  std::vector<uint32_t> groups;
};

// Of a view that begins at rest only the last two.
struct Processes {
  os::Child broker{};
  os::Child worker{};
  os::Fd broker_events{};
  os::Fd worker_events{};
  os::Fd watch{};  // service/view_fds.h
  os::Fd counters;
  os::Fd park;  // none where no other worker can be started
};

// What each of them has of its own. The maker has left the host's others (os::leave_host_namespaces()).
inline constexpr uint64_t kNamespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWCGROUP;
// The real uid of a view's processes: nobody else has it.
inline uint32_t private_uid_of(uint64_t view) {
  return core::Limits::kFirstPrivateUid + static_cast<uint32_t>(view % core::Limits::kPrivateUids);
}
// For so long the broker of an audited view or connection waits for the service to take an event.
inline constexpr uint32_t kAuditMilliseconds = 1000;

// So long a process that was started may take until then.
inline constexpr int kReadyMilliseconds = 5000;
// Set-up process. Until a process that was started says on its events that it is confined and serves. who: for
// the log.
core::Outcome wait_ready(const char* who, int events);

// Set-up process. Starts both and waits until they are confined and serve; or, where the view begins at rest, only makes what they
// will be started with (service/replacement.h). trees: of the source, then of each graft of the configuration; each with
// another for a view at rest. record: where the worker writes what is touched, or none. device is borrowed. On failure
// neither is left.
core::Result<Processes> start_processes(const Executables& executables, int device, std::vector<Tree> trees,
                                        const Identity& identity, const wire::ViewConfig& config, os::Fd record, bool at_rest);

std::vector<int> numbers_of(std::span<const os::Fd> fds);  // borrowed

}  // namespace sluice::service
