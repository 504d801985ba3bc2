// What the worker asks of the broker, and what it gets. PURE.
//
// One SOCK_SEQPACKET message each, host byte order: both ends are of one build on one machine. The
// worker may be hostile: the broker uses nothing of a request before decode_request() returned it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "core/view_limits.h"
#include "core/result.h"

namespace sluice::wire {

enum class BrokerOp : uint32_t {
  kOpen = 1,      // path, file, flags -> grant, backing_id (0 where a rule shows only a part), value: length
  kOpenTemp,      // path of a directory, mode     -> grant, backing_id, file
  kDropWrite,     // grant: the last writer is gone. No reply.
  kClose,         // grant: not needed any more. No reply.
  kTruncatePath,  // path, file, length
  kSync,          // grant, flags
  kTruncate,      // grant, length
  kAllocate,      // grant, mode, offset, length
  kCopy,          // grant, offset, grant2, offset2, length -> value (bytes)
  kSeek,          // grant, offset, mode (SEEK_DATA, SEEK_HOLE) -> value
  kStat,          // grant -> the attributes of a nameless file
  kLinkNameless,  // grant, path, file: gives a nameless file a name
  kChange,        // grant, flags, mode, uid/gid, times: attributes of a nameless file
  kReadWindow,    // grant, offset, length, grant2: the kernel's request, to which the broker replies
  kNextGrants,    // grant: a slot -> what is granted in this slot and those after it; value: length
  // Of names; `file` and `file2` are the directories that path and second must be in.
  kRemove,        // path, file, flags
  kRename,        // path, file, second: its new path, file2, flags
  kLink,          // path, file: what it leads to, second: another path for that, file2
  kSymlink,       // path, file, second: what the link says
  kMakeDevice,    // path, file, mode, device. Only of a view that makes device nodes
};

// Request flags.
inline constexpr uint32_t kOpenWrite = 1;     // kOpen: for writing
inline constexpr uint32_t kOpenTruncate = 2;  // kOpen: and empty it first
inline constexpr uint32_t kOpenRead = 4;      // kOpen: for reading
inline constexpr uint32_t kSyncDataOnly = 1;  // kSync
inline constexpr uint32_t kTempExclusive = 1; // kOpenTemp: O_EXCL, may never be linked
inline constexpr uint32_t kChangeMode = 1;    // kChange
inline constexpr uint32_t kChangeOwner = 2;
inline constexpr uint32_t kChangeTimes = 4;
inline constexpr uint32_t kRemoveDirectory = 1;  // kRemove: rmdir, not unlink
inline constexpr uint32_t kRenameNoReplace = 1;  // kRename: as renameat2(2) numbers them
inline constexpr uint32_t kRenameExchange = 2;

struct BrokerRequest {
  BrokerOp op;
  uint32_t flags;
  uint64_t dev;  // the file that the path must lead to, or be in
  uint64_t ino;
  uint64_t dev2;  // the same of second
  uint64_t ino2;
  uint64_t grant;
  uint64_t grant2;
  int64_t offset;
  int64_t offset2;
  int64_t length;
  int64_t times[4];  // kChange: access and modification time, seconds and nanoseconds (or UTIME_*)
  uint32_t mode;
  uint32_t uid;  // kChange: -1 leaves it
  uint32_t gid;
  uint32_t path_length;    // that many bytes follow, no NUL
  uint32_t second_length;  // and then that many
  uint32_t device;         // kMakeDevice: which, as mknod(2) has it
};
static_assert(std::has_unique_object_representations_v<BrokerRequest>);

// grant: 0: none, nor behind it. root: core::Place. bare, 1: granted by a broker that has ended, and with it its descriptors: asked
// for again by a name, it has others. writable, 1: the broker has a descriptor for writing.
struct GrantedFile {
  uint64_t grant, dev, ino;
  uint32_t root, bare, writable, backing_id;
};

struct BrokerReply {
  int32_t error;   // 0 or an errno
  uint32_t reason;  // core::Reason
  uint64_t grant;
  int32_t backing_id;
  uint32_t use_read_only;  // 1: this file is granted by the read-only channel only; ask there
  int64_t value;
  union {
    GrantedFile listed[7];  // kNextGrants: the first from that slot on, in the order of their slots
    uint8_t attributes[sizeof(listed)];  // kOpenTemp, kStat: struct statx, as the kernel filled it
  };
};
static_assert(std::has_unique_object_representations_v<BrokerReply>);

inline constexpr size_t kBrokerRequestMost = sizeof(BrokerRequest) + 2 * core::ViewLimits::kPathBytes;

struct DecodedRequest {
  BrokerRequest header;
  std::string_view path;    // within the message; a valid relative path or empty
  std::string_view second;  // the same; of kSymlink any text without NUL, not empty
  // Both, one behind the other, as they are in the message.
  std::string_view paths() const { return {path.data(), path.size() + second.size()}; }
};

// Broker. Kind, flags, paths and length are in range and the paths are core::valid_relative.
core::Result<DecodedRequest> decode_request(std::span<const uint8_t> message);

// True for what changes the tree other than by a grant to write.
inline bool changes_tree(BrokerOp op) {
  return op == BrokerOp::kOpenTemp || op == BrokerOp::kLinkNameless || op == BrokerOp::kChange ||
         op >= BrokerOp::kRemove;
}

// True for the requests that get no reply.
inline bool one_way(BrokerOp op) {
  return op == BrokerOp::kDropWrite || op == BrokerOp::kClose || op == BrokerOp::kReadWindow;
}

}  // namespace sluice::wire
