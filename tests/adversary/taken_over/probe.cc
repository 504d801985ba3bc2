#include <unistd.h>

#include "../call_probe.h"
#include "generated/release/worker_ro_policy.h"
#include "generated/release/worker_rw_policy.h"
#include "worker.h"
#include "worker/confinement.h"

namespace sluice::adversary {

void probe_calls(const wire::ViewConfig& config) {
  const auto program = config.read_only ? sandbox::worker_ro_policy() : sandbox::worker_rw_policy();
  probe_all(
      program, [&] { return worker::install_policy(config).ok(); },
      [](const std::string& line) { say("probe " + line); });
}

}  // namespace sluice::adversary
