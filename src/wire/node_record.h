// What a worker leaves for the one after it. PURE.
#pragma once

#include <cstddef>

namespace sluice::wire {

inline constexpr size_t kTableBytes = size_t{1} << 20;

}  // namespace sluice::wire
