// A mount whose flags whoever gets it cannot take off.
#pragma once

#include "os/fd.h"

namespace sluice::os {

// Service. A detached copy of mount (detached, consumed) whose nosuid, nodev, noexec and read-only, as far as it has
// them, stay for good, whatever user namespace it comes to be in. Whoever has a detached mount that was made in the
// initial user namespace, and capabilities in a namespace of their own, could otherwise clear them with
// mount_setattr(2), and open the device nodes that a filesystem of their own makes up. The kernel locks the flags
// of what is copied into a mount namespace of another user namespace (mount_namespaces(7)), and keeps the locks in
// copies of that.
// The filesystem is asked nothing. Needs CAP_SYS_ADMIN, and that user namespaces may be made.
core::Result<Fd> with_locked_flags(Fd mount);

}  // namespace sluice::os
