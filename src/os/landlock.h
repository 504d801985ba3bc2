// Landlock: what a thread may do to files, whatever else it is allowed.
#pragma once

#include <cstdint>

#include "os/fd.h"

namespace sluice::os {

enum class LandlockDomain {
  kGrantReadOnly,   // broker: open files beneath the root for reading
  kGrantReadWrite,  // broker: and for writing; make names for nameless files
  kMetadataOnly,    // worker: list directories; no file's contents
  kMetadataChange,  // worker: and make, remove, rename
};

// The ABI that the kernel offers, 0 where Landlock is off.
int landlock_abi();

// Confines the calling thread (and what it starts) to what the domain allows beneath root (borrowed,
// a directory); everything else about files is denied, and sockets and signals to outside as far as
// the ABI goes. Needs no_new_privs or CAP_SYS_ADMIN. kKernelNoLandlock below ABI 3 (Linux 6.2),
// which does not bind truncation.
core::Outcome landlock_restrict(LandlockDomain domain, int root);

}  // namespace sluice::os
