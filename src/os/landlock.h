// Landlock: what a thread may do to files, whatever else it is allowed.
#pragma once

#include <cstdint>
#include <span>

#include "os/fd.h"

namespace sluice::os {

// What a domain lets a thread do beneath its roots: LANDLOCK_ACCESS_FS_*. The others are in
// os/landlock_domains.h.
struct LandlockDomain {
  uint64_t files;
  bool signals = false;  // to processes outside, too
  uint64_t anywhere = 0;  // the same, wherever the file is
};
extern const LandlockDomain kGrantReadOnly;   // broker: open files for reading
extern const LandlockDomain kGrantReadWrite;  // broker: and for writing; change names

// The ABI that the kernel offers, 0 where Landlock is off.
int landlock_abi();

// The protections (core::kProtections) that this kernel lacks.
uint32_t landlock_missing();

// Confines the calling thread (and what it starts) to what the domain allows beneath the roots
// (borrowed, directories; none: nowhere); everything else about files is denied, and sockets and signals to
// outside. Needs no_new_privs or CAP_SYS_ADMIN. kProtectionMissing where the kernel lacks what is
// not in allowed_missing.
core::Outcome landlock_restrict(LandlockDomain domain, std::span<const int> roots, uint32_t allowed_missing);

}  // namespace sluice::os
