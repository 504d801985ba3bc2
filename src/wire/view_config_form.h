// What a view's configuration begins with on its way to its processes. PURE.
#pragma once

#include <cstdint>

namespace sluice::wire::view_config {

inline constexpr uint32_t kMagic = 0x43564C53;  // "SLVC"
inline constexpr uint32_t kReadOnly = 1;
inline constexpr uint32_t kPreserve = 2;
inline constexpr uint32_t kAudit = 4;

struct Header {
  uint32_t magic;
  uint32_t flags;
  uint32_t coherence_milliseconds;
  uint32_t most_grants;
  uint32_t private_uid, uid;
  uint32_t missing;
  uint32_t init_length;
  uint32_t rules_length;
};

}  // namespace sluice::wire::view_config
