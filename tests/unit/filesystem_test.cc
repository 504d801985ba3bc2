// The filesystems that files are granted on: these, and no other.
#include "core/filesystem.h"

#include <gtest/gtest.h>
#include <linux/magic.h>

namespace sluice::core {
namespace {

TEST(Filesystem, ThoseThatAreServed) {
  for (const uint64_t magic : {uint64_t{EXT4_SUPER_MAGIC}, uint64_t{XFS_SUPER_MAGIC}, uint64_t{BTRFS_SUPER_MAGIC},
                               uint64_t{TMPFS_MAGIC}, uint64_t{F2FS_SUPER_MAGIC}}) {
    EXPECT_TRUE(is_served(magic)) << std::hex << magic;
    EXPECT_FALSE(stacks(magic)) << std::hex << magic;
  }
}

TEST(Filesystem, ThoseThatStack) {
  for (const uint64_t magic : {uint64_t{FUSE_SUPER_MAGIC}, uint64_t{OVERLAYFS_SUPER_MAGIC}}) {
    EXPECT_TRUE(stacks(magic));
    EXPECT_FALSE(is_served(magic));
  }
}

TEST(Filesystem, ThoseThatAreNot) {
  for (const uint64_t magic :
       {uint64_t{0}, uint64_t{NFS_SUPER_MAGIC}, uint64_t{CIFS_SUPER_MAGIC}, uint64_t{PROC_SUPER_MAGIC},
        uint64_t{SYSFS_MAGIC}, uint64_t{RAMFS_MAGIC}, uint64_t{MSDOS_SUPER_MAGIC}, uint64_t{ECRYPTFS_SUPER_MAGIC},
        uint64_t{ANON_INODE_FS_MAGIC}, uint64_t{SOCKFS_MAGIC}, uint64_t{CGROUP2_SUPER_MAGIC},
        // Numbers are compared whole.
        uint64_t{EXT4_SUPER_MAGIC} | uint64_t{1} << 32, ~uint64_t{0}}) {
    EXPECT_FALSE(is_served(magic)) << std::hex << magic;
  }
}

}  // namespace
}  // namespace sluice::core
