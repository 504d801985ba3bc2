#include "core/idleness.h"

#include <algorithm>

namespace sluice::core {

using Limits = RecoveryLimits;

Idleness::Idleness(int64_t now, int64_t idle_milliseconds, uint32_t coherence_milliseconds)
    : least_(idle_milliseconds > 0 ? std::max(idle_milliseconds, coherence_milliseconds + 2 * Limits::kForgottenMilliseconds) : 0),
      look_(std::max(least_ / Limits::kLooksWhileIdle, Limits::kLookMilliseconds)),
      used_at_(now) {}

bool Idleness::is_over(int64_t now, uint64_t answered, bool busy) {
  if (answered != answered_ || busy) used_at_ = now;
  answered_ = answered;
  if (!is_on() || now - used_at_ < least_) return false;
  // Not again before as much time has gone by: it has its reasons, or lies.
  used_at_ = now;
  asked_ = true;
  return true;
}

}  // namespace sluice::core
