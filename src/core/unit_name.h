// The unit of a service manager that a process is in, by the name of its control group. PURE.
#pragma once

#include <string>
#include <string_view>

namespace sluice::core {

// groups: what the kernel says in /proc/PID/cgroup. "backup.service", "user@1000.service/app.scope";
// empty where there is none. Users name units of their own: not escaped yet.
std::string unit_of(std::string_view groups);

}  // namespace sluice::core
