// What the service tells the broker of a foreign connection when it starts it. PURE.
//
// One sealed memfd, read at the start and closed. The service is trusted; it is checked all the same.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

#include "core/result.h"

namespace sluice::wire {

inline constexpr uint32_t kForeignConfigMagic = 0x47554C53;  // "SLUG"

struct ForeignConfig {
  uint32_t magic;
  uint32_t most_grants;      // at once, > 0
  uint32_t private_uid;      // the broker's real uid: nobody's, so that nobody can signal it
  uint32_t missing;          // protections that the administrator allowed to be missing
  uint32_t uid;              // and whom it acts as: the server's
  uint32_t audit;            // 1: every grant and refusal is reported
  uint64_t mount_namespace;  // the peer's, by the number that the kernel gives to no other
};
static_assert(std::has_unique_object_representations_v<ForeignConfig>);

core::Result<ForeignConfig> decode_foreign_config(std::span<const uint8_t> bytes);

}  // namespace sluice::wire
