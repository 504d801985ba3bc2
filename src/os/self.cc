#include "os/self.h"

#include <sys/prctl.h>
#include <unistd.h>

namespace sluice::os {

core::Outcome become_undumpable() { return checked(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)); }

core::Outcome take_real_uid(uint32_t uid) { return checked(::setresuid(uid, ~0u, uid)); }

}  // namespace sluice::os
