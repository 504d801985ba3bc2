// Kernel constants that the headers of Debian 12 (Linux 6.1, glibc 2.36) lack, each with its source: those
// that the broker needs. os/kernel_abi_more.h has the others. Only src/os and sandbox include them.
#pragma once

#include <linux/ioctl.h>
#include <linux/types.h>
#include <sys/syscall.h>

namespace sluice::os::abi {

// include/uapi/linux/fuse.h, Linux 6.9
struct FuseBackingMap {
  __s32 fd;
  __u32 flags;
  __u64 padding;
};
inline constexpr unsigned long kFuseBackingOpen = _IOW(229, 1, FuseBackingMap);
inline constexpr unsigned long kFuseBackingClose = _IOW(229, 2, __u32);

// arch/x86/entry/syscalls/syscall_64.tbl; from 424 on every architecture shares the numbers.
inline constexpr long kSysFchmodat2 = 452;      // Linux 6.6

// include/uapi/linux/landlock.h: ABI 2 (5.19), 3 (6.2), 5 (6.10), 6 (6.12)
struct LandlockRulesetAttr {
  __u64 handled_access_fs;
  __u64 handled_access_net;
  __u64 scoped;
};
struct __attribute__((packed)) LandlockPathBeneath {
  __u64 allowed_access;
  __s32 parent_fd;
};
inline constexpr int kLandlockRulePathBeneath = 1;
inline constexpr __u64 kLandlockTruncate = 1u << 14;       // ABI 3
inline constexpr __u64 kLandlockIoctlDev = 1u << 15;       // ABI 5
inline constexpr __u64 kLandlockFsAbi3 = (1u << 15) - 1;   // all that ABI 3 knows of files
inline constexpr __u64 kLandlockScopedSockets = 1;         // ABI 6: abstract sockets
inline constexpr __u64 kLandlockScopedAll = 3;             // ABI 6: and signals
inline constexpr unsigned kLandlockCreateRulesetVersion = 1;

}  // namespace sluice::os::abi
