// One FUSE connection: /dev/fuse and its superblock.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "os/fd.h"

namespace sluice::os {

// Service. A fresh /dev/fuse, non-blocking: not connected to anything yet.
core::Result<Fd> open_fuse_device();

struct FuseMount {
  uint32_t uid;      // who may use the mount, unless allow_other
  uint32_t gid;
  bool allow_other;  // preserve mode: everybody, as the modes say
  bool read_only;
  std::string_view source;  // shown in mountinfo; the kernel escapes it
  const char* subtype = "sluice";  // the same: "fuse.sluice" is a view
};

// Service, and the command. Makes the superblock on device (borrowed) and returns its detached mount: nosuid, nodev,
// default_permissions. The kernel has sent INIT when this returns. Needs CAP_SYS_ADMIN.
core::Result<Fd> make_fuse_mount(int device, const FuseMount& options);

// The number of a FUSE mount's connection, which is its device's minor number; asks nobody. 0: unknown.
uint32_t connection_of(int mount);

}  // namespace sluice::os
