// Landlock: what a thread may do to files, whatever else it is allowed.
#pragma once

#include <cstdint>
#include <span>

#include "os/fd.h"

namespace sluice::os {

enum class LandlockDomain {
  kGrantReadOnly,   // broker: open files beneath the root for reading
  kGrantReadWrite,  // broker: and for writing; make names for nameless files
  kMetadataOnly,    // worker: list directories; no file's contents
  kMetadataChange,  // worker: and make, remove, rename
  kService,         // the service's main process: remove its socket; signals go to its children
};

// The ABI that the kernel offers, 0 where Landlock is off.
int landlock_abi();

// The protections (core::kProtections) that this kernel lacks.
uint32_t landlock_missing();

// Confines the calling thread (and what it starts) to what the domain allows beneath the roots
// (borrowed, directories; none: nowhere); everything else about files is denied, and sockets and signals to
// outside. Needs no_new_privs or CAP_SYS_ADMIN. kProtectionMissing where the kernel lacks what is
// not in allowed_missing.
core::Outcome landlock_restrict(LandlockDomain domain, std::span<const int> roots,
                                uint32_t allowed_missing);

}  // namespace sluice::os
