// Kernel constants that the headers of Debian 12 (Linux 6.1, glibc 2.36) lack, each with its source.
// Only src/os and sandbox include this.
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
inline constexpr long kSysStatmount = 457;      // Linux 6.8
inline constexpr long kSysSetxattrat = 463;     // Linux 6.13
inline constexpr long kSysGetxattrat = 464;     // Linux 6.13
inline constexpr long kSysListxattrat = 465;    // Linux 6.13
inline constexpr long kSysRemovexattrat = 466;  // Linux 6.13

// include/uapi/linux/xattr.h, Linux 6.13
struct XattrArgs {
  __aligned_u64 value;
  __u32 size;
  __u32 flags;
};

// include/uapi/linux/mount.h, Linux 5.14
inline constexpr __u64 kMountAttrNosymfollow = 0x00200000;

// include/uapi/linux/mount.h, Linux 6.8
inline constexpr __u64 kStatmountSbBasic = 0x1;
struct MntIdReq {
  __u32 size, spare;
  __u64 mnt_id, param;
};
struct Statmount {
  __u32 size, mnt_opts;
  __u64 mask;
  __u32 sb_dev_major, sb_dev_minor;
  __u64 sb_magic;
  __u32 sb_flags, fs_type;
  __u64 rest[60];
};

// include/uapi/linux/stat.h, Linux 6.8
inline constexpr unsigned kStatxMntIdUnique = 0x4000;

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

// include/uapi/asm-generic/socket.h: Linux 6.5
inline constexpr int kSoPeerpidfd = 77;

}  // namespace sluice::os::abi
