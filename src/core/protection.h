// What a kernel may lack and an administrator may allow to be missing, each by name. PURE.
//
// Without a word from the administrator a missing protection is a refusal to start. Numbers are part
// of the protocol: append, never reorder.
#pragma once

#include <cstdint>

namespace sluice::core {

inline constexpr uint32_t kLandlockMissing = 1;  // none at all, or before ABI 3 (Linux 6.2)
inline constexpr uint32_t kDevicesMissing = 2;   // ioctl on device files, ABI 5 (Linux 6.10)
inline constexpr uint32_t kScopeMissing = 4;     // abstract sockets and signals, ABI 6 (Linux 6.12)
inline constexpr uint32_t kAllMissing = 7;

}  // namespace sluice::core
