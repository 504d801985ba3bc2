#include "os/self.h"

#include <sys/prctl.h>
#include <unistd.h>

namespace sluice::os {

core::Outcome become_undumpable() { return checked(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)); }

core::Outcome take_uids(uint32_t real, uint32_t effective) { return checked(::setresuid(real, effective, real)); }

}  // namespace sluice::os
