// The same as os/kernel_abi.h, for the other processes.
#pragma once

#include <linux/ioctl.h>
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
inline constexpr __u64 kStatmountMntPoint = 0x10;
inline constexpr __u64 kLsmtRoot = ~0ull;  // listmount: the root of the mount namespace
struct MntIdReq {
  __u32 size, spare;
  __u64 mnt_id, param;
  __u64 mnt_ns_id;  // Linux 6.11; 0: of the caller
};
struct Statmount {
  __u32 size, mnt_opts;
  __u64 mask;
  __u32 sb_dev_major, sb_dev_minor;
  __u64 sb_magic;
  __u32 sb_flags, fs_type;
  __u64 mnt_id, mnt_parent_id;
  __u32 mnt_id_old, mnt_parent_id_old;
  __u64 mnt_attr, mnt_propagation, mnt_peer_group, mnt_master, propagate_from;
  __u32 mnt_root, mnt_point;  // offsets in what follows
  __u64 rest[50];
};
static_assert(sizeof(Statmount) == 512);

// include/uapi/linux/pidfd.h, Linux 6.11; include/uapi/linux/nsfs.h, Linux 4.9 and 6.11
inline constexpr unsigned long kPidfdGetMntNamespace = _IO(0xFF, 3);
inline constexpr unsigned long kPidfdGetUserNamespace = _IO(0xFF, 9);
inline constexpr unsigned long kNsGetUserns = _IO(0xB7, 1);
inline constexpr unsigned long kNsGetMntnsId = _IOR(0xB7, 5, __u64);

// include/uapi/linux/pidfd.h, Linux 6.13: what the kernel says of a process; how it ended since 6.15, to everybody who holds it.
struct PidfdInfo {
  __u64 mask, cgroupid;
  __u32 pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
  __s32 exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);
inline constexpr unsigned long kPidfdGetInfo = _IOWR(0xFF, 11, PidfdInfo);
inline constexpr __u64 kPidfdInfoExit = 8;

// include/uapi/linux/stat.h, Linux 6.8
inline constexpr unsigned kStatxMntIdUnique = 0x4000;

// include/uapi/asm-generic/socket.h: Linux 6.5
inline constexpr int kSoPeerpidfd = 77;

}  // namespace sluice::os::abi
