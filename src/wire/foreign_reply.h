// What the service answers to a ForeignHello, as the peer reads it. PURE.
//
// wire/control.h has the same for the command, which is of the service's version. A peer may be older: a reason
// that it has no name for is one all the same.
#pragma once

#include <cstdint>
#include <span>

#include "core/result.h"

namespace sluice::wire {

struct ForeignReply {
  int32_t error;    // 0, or an errno
  uint32_t reason;  // core::Reason, or a later one
  uint32_t most_grants;
};

core::Result<ForeignReply> decode_foreign_reply(std::span<const uint8_t> message);

inline constexpr size_t kForeignReplyMost = 1024;  // bytes, the name of the connection among them

}  // namespace sluice::wire
