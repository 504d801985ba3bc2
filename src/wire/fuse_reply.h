// What every reply to the kernel begins with, and how much it may hold. PURE.
//
// Source: Linux include/uapi/linux/fuse.h.
#pragma once

#include <cstdint>

namespace sluice::wire {

// What our INIT replies say: no READ asks for more.
inline constexpr uint32_t kFuseMaxWrite = 128 * 1024;

struct FuseOutHeader {
  uint32_t len;
  int32_t error;
  uint64_t unique;
};
static_assert(sizeof(FuseOutHeader) == 16);

}  // namespace sluice::wire
