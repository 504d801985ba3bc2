#include "os/self.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace sluice::os {

core::Outcome become_undumpable() { return checked(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)); }

uint32_t most_files() {
  struct rlimit limit {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<uint32_t>(std::min<rlim_t>(limit.rlim_max, 1u << 20));
}

core::Outcome take_real_uid(uint32_t uid) { return checked(::setresuid(uid, ~0u, uid)); }

core::Outcome refuse_new_privileges() { return checked(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }
void name_process(const char* name) { ::prctl(PR_SET_NAME, name, 0, 0, 0); }
void let_children_go() { ::signal(SIGCHLD, SIG_IGN); }
void ignore_broken_pipes() { ::signal(SIGPIPE, SIG_IGN); }

}  // namespace sluice::os
