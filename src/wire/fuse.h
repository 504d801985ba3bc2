// The part of the kernel's FUSE protocol that this project reads or writes itself. PURE.
//
// Own definitions, because Debian 12's <linux/fuse.h> (6.1) lacks passthrough. Source: Linux
// include/uapi/linux/fuse.h, protocol 7.45; every struct is checked for its size.
#pragma once

#include <cstdint>

#include "wire/fuse_reply.h"

namespace sluice::wire {

inline constexpr uint32_t kFuseInit = 26;
inline constexpr uint32_t kFuseTmpfile = 51;
inline constexpr uint32_t kFuseMajor = 7;
inline constexpr uint32_t kFuseMinorPassthrough = 40;  // Linux 6.9
inline constexpr uint32_t kFuseMinorMost = 45;         // what we know: answer no more
inline constexpr uint32_t kFuseBufferLeast = 8192;     // FUSE_MIN_READ_BUFFER

// The buffer that the kernel insists on: the largest request that comes is a SETXATTR of 64 KiB.
inline constexpr uint32_t kFuseBufferBytes = kFuseMaxWrite + 4096;

struct FuseInHeader {
  uint32_t len, opcode;
  uint64_t unique, nodeid;
  uint32_t uid, gid, pid;
  uint16_t total_extlen, padding;
};
static_assert(sizeof(FuseInHeader) == 40);

struct FuseInitIn {
  uint32_t major, minor, max_readahead, flags, flags2;
  uint32_t unused[11];
};
static_assert(sizeof(FuseInitIn) == 64);

struct FuseInitOut {
  uint32_t major, minor, max_readahead, flags;
  uint16_t max_background, congestion_threshold;
  uint32_t max_write, time_gran;
  uint16_t max_pages, map_alignment;
  uint32_t flags2, max_stack_depth;
  uint16_t request_timeout;
  uint16_t unused[11];
};
static_assert(sizeof(FuseInitOut) == 64);

// INIT flags, of the 64 bits that flags and flags2 make together.
inline constexpr uint64_t kInitAsyncRead = 1ull << 0;
inline constexpr uint64_t kInitAtomicTrunc = 1ull << 3;
inline constexpr uint64_t kInitBigWrites = 1ull << 5;
inline constexpr uint64_t kInitDontMask = 1ull << 6;
inline constexpr uint64_t kInitAutoInvalData = 1ull << 12;
inline constexpr uint64_t kInitDoReaddirplus = 1ull << 13;
inline constexpr uint64_t kInitReaddirplusAuto = 1ull << 14;
inline constexpr uint64_t kInitAsyncDio = 1ull << 15;
inline constexpr uint64_t kInitParallelDirops = 1ull << 18;
inline constexpr uint64_t kInitPosixAcl = 1ull << 20;
inline constexpr uint64_t kInitMaxPages = 1ull << 22;
inline constexpr uint64_t kInitCacheSymlinks = 1ull << 23;
inline constexpr uint64_t kInitHandleKillprivV2 = 1ull << 28;
inline constexpr uint64_t kInitExt = 1ull << 30;
inline constexpr uint64_t kInitPassthrough = 1ull << 37;
inline constexpr uint64_t kInitNoExportSupport = 1ull << 38;
inline constexpr uint64_t kInitHasResend = 1ull << 39;
inline constexpr uint64_t kInitRequestTimeout = 1ull << 42;

struct FuseAttr {
  uint64_t ino, size, blocks, atime, mtime, ctime;
  uint32_t atimensec, mtimensec, ctimensec, mode, nlink, uid, gid, rdev, blksize, flags;
};
static_assert(sizeof(FuseAttr) == 88);

struct FuseEntryOut {
  uint64_t nodeid, generation, entry_valid, attr_valid;
  uint32_t entry_valid_nsec, attr_valid_nsec;
  FuseAttr attr;
};
static_assert(sizeof(FuseEntryOut) == 128);

struct FuseOpenOut {
  uint64_t fh;
  uint32_t open_flags;
  int32_t backing_id;
};
static_assert(sizeof(FuseOpenOut) == 16);

struct FuseCreateIn {  // of CREATE and TMPFILE
  uint32_t flags, mode, umask, open_flags;
};
static_assert(sizeof(FuseCreateIn) == 16);

// Flags of an OPEN or CREATE reply.
inline constexpr uint32_t kFopenNoFlush = 1u << 5;
inline constexpr uint32_t kFopenPassthrough = 1u << 7;

struct FuseNotifyInvalInode {
  uint64_t ino;
  int64_t off;  // < 0: attributes only
  int64_t len;
};
struct FuseNotifyInvalEntry {  // the name follows, with a NUL
  uint64_t parent;
  uint32_t name_length;
  uint32_t flags;
};
static_assert(sizeof(FuseNotifyInvalEntry) == 16);
inline constexpr uint32_t kExpireOnly = 1;
inline constexpr int32_t kNotifyInvalInode = 2;
struct InvalInodeNotice {
  FuseOutHeader header;
  FuseNotifyInvalInode what;
};
// from: as off above.
inline InvalInodeNotice inval_inode(uint64_t nodeid, int64_t from) {
  return {{sizeof(InvalInodeNotice), kNotifyInvalInode, 0}, {nodeid, from, 0}};
}
inline constexpr int32_t kNotifyInvalEntry = 3;
inline constexpr int32_t kNotifyResend = 7;
inline constexpr int32_t kNotifyIncEpoch = 8;  // Linux 6.16
// In the number of a request that a server before this one has read and not answered.
inline constexpr uint64_t kUniqueResend = 1ull << 63;

// fuse_attr.flags
inline constexpr uint32_t kAttrSubmount = 1;

}  // namespace sluice::wire
