// The same as os/kernel_abi.h, for the other processes.
#pragma once

#include <linux/types.h>

namespace sluice::os::abi {

// arch/x86/entry/syscalls/syscall_64.tbl; from 424 on every architecture shares the numbers.
inline constexpr long kSysStatmount = 457;      // Linux 6.8
inline constexpr long kSysListmount = 458;      // Linux 6.8
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
inline constexpr __u64 kStatmountMntBasic = 0x2;
inline constexpr __u64 kListmountAll = ~__u64{0};  // LSMT_ROOT
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
  __u64 mnt_id, mnt_parent_id;
  __u32 mnt_id_old, mnt_parent_id_old;
  __u64 rest[57];
};

// include/uapi/linux/stat.h, Linux 6.8
inline constexpr unsigned kStatxMntIdUnique = 0x4000;

// include/uapi/asm-generic/socket.h: Linux 6.5
inline constexpr int kSoPeerpidfd = 77;

}  // namespace sluice::os::abi
