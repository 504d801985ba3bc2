#include "core/recovery.h"

#include <algorithm>

namespace sluice::core {

std::optional<int64_t> Recovery::ended(int64_t now) {
  using Limits = RecoveryLimits;
  if (ends_ == 0) counted_at_ = now;
  const int64_t forgiven = std::min<int64_t>((now - counted_at_) / Limits::kForgivenMilliseconds, ends_);
  ends_ -= static_cast<uint32_t>(forgiven);
  counted_at_ += forgiven * Limits::kForgivenMilliseconds;
  if (++ends_ > Limits::kWorkerEnds) return std::nullopt;
  quick_ = now - started_at_ < Limits::kQuickMilliseconds ? quick_ + 1 : 0;
  if (quick_ <= Limits::kWithoutPause) return now;
  const uint32_t doublings = std::min(quick_ - Limits::kWithoutPause - 1, 16u);
  return now + std::min(Limits::kFirstPauseMilliseconds << doublings, Limits::kMostPauseMilliseconds);
}

}  // namespace sluice::core
