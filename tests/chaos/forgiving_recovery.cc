// In the place of src/core/recovery.cc: a worker may end as often as a test kills it.
#include "core/recovery.h"

namespace sluice::core {

std::optional<int64_t> Recovery::ended(int64_t now) { return now; }

std::optional<int64_t> Recovery::failed(int64_t now) {
  if (++failures_ > RecoveryLimits::kFailedReplacements) return std::nullopt;
  return now + RecoveryLimits::kFirstPauseMilliseconds;
}

}  // namespace sluice::core
