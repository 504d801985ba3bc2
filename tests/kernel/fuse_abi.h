// The parts of the FUSE protocol (7.46) that the contract tests speak, defined here because the
// headers of Debian 12 are those of Linux 6.1 and the ones of Sluice itself are not to be trusted
// with a test of what they rest on.
#pragma once

#include <sys/ioctl.h>

#include <cstdint>

namespace kerneltest {

enum Opcode : uint32_t {
  kLookup = 1,
  kForget = 2,
  kGetattr = 3,
  kSetattr = 4,
  kMkdir = 9,
  kOpen = 14,
  kRead = 15,
  kWrite = 16,
  kStatfs = 17,
  kRelease = 18,
  kFsync = 20,
  kSetxattr = 21,
  kGetxattr = 22,
  kListxattr = 23,
  kRemovexattr = 24,
  kFlush = 25,
  kInit = 26,
  kOpendir = 27,
  kReaddir = 28,
  kReleasedir = 29,
  kGetlk = 31,
  kSetlk = 32,
  kSetlkw = 33,
  kAccess = 34,
  kInterrupt = 36,
  kDestroy = 38,
  kBatchForget = 42,
  kFallocate = 43,
  kLseek = 46,
  kCopyFileRange = 47,
  kCopyFileRange64 = 53,
  kOpcodes = 64,  // size of tables
};

// Flags of INIT. Bits 32 and up travel in flags2.
inline constexpr uint64_t kInitPosixLocks = 1ULL << 1;
inline constexpr uint64_t kInitExportSupport = 1ULL << 4;
inline constexpr uint64_t kInitFlockLocks = 1ULL << 10;
inline constexpr uint64_t kInitWritebackCache = 1ULL << 16;
inline constexpr uint64_t kInitHandleKillprivV2 = 1ULL << 28;
inline constexpr uint64_t kInitExt = 1ULL << 30;
inline constexpr uint64_t kInitPassthrough = 1ULL << 37;
inline constexpr uint64_t kInitNoExportSupport = 1ULL << 38;
inline constexpr uint64_t kInitHasResend = 1ULL << 39;
inline constexpr uint64_t kInitRequestTimeout = 1ULL << 42;

// Flags of the reply to OPEN.
inline constexpr uint32_t kOpenDirectIo = 1U << 0;
inline constexpr uint32_t kOpenKeepCache = 1U << 1;
inline constexpr uint32_t kOpenNonseekable = 1U << 2;
inline constexpr uint32_t kOpenNoflush = 1U << 5;
inline constexpr uint32_t kOpenPassthrough = 1U << 7;

// Bits of SETATTR's valid.
inline constexpr uint32_t kSetMode = 1U << 0;
inline constexpr uint32_t kSetSize = 1U << 3;

// Notifications, as written by the server in the place of the error of a reply.
inline constexpr int32_t kNotifyInvalInode = 2;
inline constexpr int32_t kNotifyInvalEntry = 3;
inline constexpr int32_t kNotifyDelete = 6;
inline constexpr int32_t kNotifyResend = 7;
inline constexpr int32_t kNotifyIncEpoch = 8;  // Linux 6.16
inline constexpr uint32_t kExpireOnly = 1;     // in the flags of kNotifyInvalEntry
inline constexpr uint64_t kUniqueResend = 1ULL << 63;

inline constexpr uint32_t kMinReadBuffer = 8192;

struct InHeader {
  uint32_t len;
  uint32_t opcode;
  uint64_t unique;
  uint64_t nodeid;
  uint32_t uid;
  uint32_t gid;
  uint32_t pid;
  uint16_t total_extlen;
  uint16_t padding;
};
static_assert(sizeof(InHeader) == 40);

struct OutHeader {
  uint32_t len;
  int32_t error;
  uint64_t unique;
};
static_assert(sizeof(OutHeader) == 16);

struct InitIn {
  uint32_t major;
  uint32_t minor;
  uint32_t max_readahead;
  uint32_t flags;
  uint32_t flags2;
  uint32_t unused[11];
};
static_assert(sizeof(InitIn) == 64);

struct InitOut {
  uint32_t major;
  uint32_t minor;
  uint32_t max_readahead;
  uint32_t flags;
  uint16_t max_background;
  uint16_t congestion_threshold;
  uint32_t max_write;
  uint32_t time_gran;
  uint16_t max_pages;
  uint16_t map_alignment;
  uint32_t flags2;
  uint32_t max_stack_depth;
  uint16_t request_timeout;
  uint16_t unused[11];
};
static_assert(sizeof(InitOut) == 64);

struct Attr {
  uint64_t ino;
  uint64_t size;
  uint64_t blocks;
  uint64_t atime;
  uint64_t mtime;
  uint64_t ctime;
  uint32_t atimensec;
  uint32_t mtimensec;
  uint32_t ctimensec;
  uint32_t mode;
  uint32_t nlink;
  uint32_t uid;
  uint32_t gid;
  uint32_t rdev;
  uint32_t blksize;
  uint32_t flags;
};
static_assert(sizeof(Attr) == 88);

struct AttrOut {
  uint64_t attr_valid;
  uint32_t attr_valid_nsec;
  uint32_t dummy;
  Attr attr;
};
static_assert(sizeof(AttrOut) == 104);

struct EntryOut {
  uint64_t nodeid;
  uint64_t generation;
  uint64_t entry_valid;
  uint64_t attr_valid;
  uint32_t entry_valid_nsec;
  uint32_t attr_valid_nsec;
  Attr attr;
};
static_assert(sizeof(EntryOut) == 128);

struct SetattrIn {
  uint32_t valid;
  uint32_t padding;
  uint64_t fh;
  uint64_t size;
  uint64_t lock_owner;
  uint64_t atime;
  uint64_t mtime;
  uint64_t ctime;
  uint32_t atimensec;
  uint32_t mtimensec;
  uint32_t ctimensec;
  uint32_t mode;
  uint32_t unused4;
  uint32_t uid;
  uint32_t gid;
  uint32_t unused5;
};
static_assert(sizeof(SetattrIn) == 88);

struct OpenOut {
  uint64_t fh;
  uint32_t open_flags;
  int32_t backing_id;
};
static_assert(sizeof(OpenOut) == 16);

struct ReadIn {
  uint64_t fh;
  uint64_t offset;
  uint32_t size;
  uint32_t read_flags;
  uint64_t lock_owner;
  uint32_t flags;
  uint32_t padding;
};
static_assert(sizeof(ReadIn) == 40);

struct WriteOut {  // also of COPY_FILE_RANGE
  uint32_t size;
  uint32_t padding;
};

struct LseekOut {
  uint64_t offset;
};

struct GetxattrOut {  // also of LISTXATTR with size zero
  uint32_t size;
  uint32_t padding;
};

struct LockOut {
  uint64_t start;
  uint64_t end;
  uint32_t type;
  uint32_t pid;
};

struct StatfsOut {
  uint64_t blocks;
  uint64_t bfree;
  uint64_t bavail;
  uint64_t files;
  uint64_t ffree;
  uint32_t bsize;
  uint32_t namelen;
  uint32_t frsize;
  uint32_t padding;
  uint32_t spare[6];
};
static_assert(sizeof(StatfsOut) == 80);

struct InvalInodeOut {
  uint64_t ino;
  int64_t off;
  int64_t len;
};

// A name follows, with a NUL.
struct InvalEntryOut {
  uint64_t parent;
  uint32_t name_length;
  uint32_t flags;
};

struct DeleteOut {
  uint64_t parent;
  uint64_t child;
  uint32_t name_length;
  uint32_t padding;
};

struct BackingMap {
  int32_t fd;
  uint32_t flags;
  uint64_t padding;
};
static_assert(sizeof(BackingMap) == 16);

inline constexpr unsigned long kIocClone = _IOR(229, 0, uint32_t);
inline constexpr unsigned long kIocBackingOpen = _IOW(229, 1, BackingMap);
inline constexpr unsigned long kIocBackingClose = _IOW(229, 2, uint32_t);
inline constexpr unsigned long kIocSyncInit = _IO(229, 3);  // Linux 6.18

}  // namespace kerneltest
