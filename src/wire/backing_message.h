// What the server of a foreign FUSE connection, through libsluice, says to the service and to the broker of
// its connection, and what it gets. PURE.
//
// The two may be of different versions: what is here never changes its layout. A later version is another
// number in the hello, and the service serves those that it knows.
//
//   peer -> service   ForeignHello, with the /dev/fuse descriptor of its connection; or with kForeignMake and none
//   service -> peer   wire::Reply: a refusal, or count (grants at once), text (the connection's name)
//                     and two sockets: of grants to read, and of grants to read and write; with kForeignMake,
//                     then the /dev/fuse of a connection that the service has made, and its mount, detached
//   peer -> broker    on either socket: BackingRequest, of kOpen with the file's descriptor
//   broker -> peer    BackingReply, one to each request, in order
// The broker lives as long as both sockets are open; with it go the ids that it gave and that were not closed.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

#include "core/result.h"

namespace sluice::wire {

inline constexpr uint32_t kForeignMagic = 0x46554C53;  // "SLUF"
inline constexpr uint32_t kForeignVersion = 1;

inline constexpr uint32_t kForeignMake = 1;

struct ForeignHello {
  uint32_t magic;
  uint32_t version;
  uint32_t flags;  // 0, or kForeignMake
  uint32_t padding;
};
static_assert(sizeof(ForeignHello) == 16);

enum class BackingOp : uint32_t {
  kOpen = 1,   // a descriptor comes along -> backing_id
  kClose = 2,  // backing_id
};

struct BackingRequest {
  BackingOp op;
  int32_t backing_id;  // kOpen: 0
};
static_assert(sizeof(BackingRequest) == 8);

struct BackingReply {
  int32_t error;    // 0 or an errno
  uint32_t reason;  // core::Reason; a client may be older and not know the number
  int32_t backing_id;
  uint32_t padding;
};
static_assert(sizeof(BackingReply) == 16 && std::has_unique_object_representations_v<BackingReply>);

// Service. Whether a message means to be a ForeignHello, and then whether it is one that is served.
bool is_foreign_hello(std::span<const uint8_t> message);
core::Result<ForeignHello> check_foreign_hello(std::span<const uint8_t> message);

// Broker. fds: as many as came along.
core::Result<BackingRequest> decode_backing_request(std::span<const uint8_t> message, size_t fds);

}  // namespace sluice::wire
