// Landlock for a program of a user's: some trees, with some rights, and nothing else.
#pragma once

#include <cstdint>
#include <span>

#include "os/fd.h"

namespace sluice::os {

struct PathLimit {
  int fd;      // borrowed: a directory, with all below; or a file
  bool read;   // list, read, execute
  bool write;  // make, change, remove, rename between directories, ioctl on devices
};

// Command. Confines this process, and what it starts, to the limits: every other file is denied, so
// are mounts; and so are signals, abstract sockets and ptrace to any process outside. What is open
// stays open. Needs no_new_privs. kProtectionMissing where the kernel lacks what is not in
// allowed_missing (core::kProtections).
core::Outcome limit_paths(std::span<const PathLimit> limits, uint32_t allowed_missing);

}  // namespace sluice::os
