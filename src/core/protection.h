// What a kernel may lack and an administrator may allow to be missing, each by name. PURE.
//
// Without a word from the administrator a missing protection is a refusal to start. Numbers are part
// of the protocol: append, never reorder.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sluice::core {

inline constexpr uint32_t kLandlockMissing = 1;  // none at all, or before ABI 3 (Linux 6.2)
inline constexpr uint32_t kDevicesMissing = 2;   // ioctl on device files, ABI 5 (Linux 6.10)
inline constexpr uint32_t kScopeMissing = 4;     // abstract sockets and signals, ABI 6 (Linux 6.12)
inline constexpr uint32_t kAllMissing = 7;

struct Protection {
  uint32_t bit;
  std::string_view name;
  std::string_view without;  // what is weaker without it
};

inline constexpr std::array<Protection, 3> kProtections = {{
    {kLandlockMissing, "landlock",
     "a broker that was taken over could write through a read-only grant of its own user's files"},
    {kDevicesMissing, "landlock-devices",
     "Landlock does not bound ioctls on device files; the seccomp policies do"},
    {kScopeMissing, "landlock-scope",
     "Landlock does not bound signals and abstract sockets; the seccomp policies and namespaces do"},
}};

// 0: no protection of that name.
constexpr uint32_t protection_named(std::string_view name) {
  for (const Protection& protection : kProtections) {
    if (protection.name == name) return protection.bit;
  }
  return 0;
}

}  // namespace sluice::core
