#include "os/self.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>

namespace sluice::os {

core::Outcome become_undumpable() { return checked(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)); }

uint32_t most_files() {
  struct rlimit limit {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<uint32_t>(std::min<rlim_t>(limit.rlim_max, 1u << 20));
}

void ignore_broken_pipes() { ::signal(SIGPIPE, SIG_IGN); }

}  // namespace sluice::os
