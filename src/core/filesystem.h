// The filesystems that passthrough was thought through on. PURE.
#pragma once

#include <cstdint>

namespace sluice::core {

// On FUSE and overlayfs passthrough cannot stack. Source of the numbers: include/uapi/linux/magic.h, and the
// out-of-tree filesystems' own.
constexpr bool stacks(uint64_t magic) { return magic == 0x65735546 || magic == 0x794C7630; }

// Local, and telling names apart by their bytes: ext4, xfs, btrfs, tmpfs, f2fs, bcachefs, zfs.
constexpr bool is_served(uint64_t magic) {
  switch (magic) {
    case 0xEF53: case 0x58465342: case 0x9123683E: case 0x01021994:
    case 0xF2F52010: case 0xCA451A4E: case 0x2FC12FC1: return true;
    default: return false;
  }
}

}  // namespace sluice::core
