#include "core/recovery.h"

#include <algorithm>

namespace sluice::core {
namespace {

using Limits = RecoveryLimits;

int64_t pause_after(uint32_t doublings) {
  return std::min(Limits::kFirstPauseMilliseconds << std::min(doublings, 16u), Limits::kMostPauseMilliseconds);
}

}  // namespace

std::optional<int64_t> Recovery::ended(int64_t now) {
  if (ends_ == 0) counted_at_ = now;
  const int64_t forgiven = std::min<int64_t>((now - counted_at_) / Limits::kForgivenMilliseconds, ends_);
  ends_ -= static_cast<uint32_t>(forgiven);
  counted_at_ += forgiven * Limits::kForgivenMilliseconds;
  if (++ends_ > Limits::kWorkerEnds) return std::nullopt;
  quick_ = now - started_at_ < Limits::kQuickMilliseconds ? quick_ + 1 : 0;
  if (quick_ <= Limits::kWithoutPause) return now;
  return now + pause_after(quick_ - Limits::kWithoutPause - 1);
}

std::optional<int64_t> Recovery::failed(int64_t now) {
  if (++failures_ > Limits::kFailedReplacements) return std::nullopt;
  return now + pause_after(failures_);
}

}  // namespace sluice::core
