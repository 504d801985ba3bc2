// The names of protections that a kernel may lack, for people. PURE.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/protection.h"

namespace sluice::core {

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
