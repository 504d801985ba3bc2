#include "service/together.h"

#include <cerrno>

#include "os/file.h"
#include "os/foreign.h"

namespace sluice::service {

core::Outcome note_parts(wire::WorkerStart& start, int device, std::span<const int> trees) {
  const auto connection = os::connection_served_by(device);
  start.connection = connection.ok() ? *connection : 0;
  start.roots.clear();
  for (const int tree : trees) {
    auto stat = os::stat_held(tree);
    if (!stat.ok()) return stat.failure();
    start.roots.push_back({os::dev_of(*stat), stat->stx_ino});
  }
  return core::Done{};
}

core::Outcome check_parts(const wire::WorkerStart& start, int device, std::span<const int> trees) {
  wire::WorkerStart now;
  if (auto noted = note_parts(now, device, trees); !noted.ok()) return noted;
  if (now.connection != start.connection || now.roots != start.roots) return core::Failure{EPERM, core::Reason::kNotPermitted};
  return core::Done{};
}

}  // namespace sluice::service
