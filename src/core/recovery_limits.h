// How often a view gets another worker, and when it has none. PURE.
//
// A table of its own, as connection_limits.h: the broker reads neither.
#pragma once

#include <cstdint>

namespace sluice::core {

struct RecoveryLimits {
  // A worker may end so many times in a row, and once more after each of these times; then its view ends too.
  static constexpr uint32_t kWorkerEnds = 12;
  static constexpr int64_t kForgivenMilliseconds = 1000;
  // One that lived for less than this is followed after a pause, twice as long each time.
  static constexpr int64_t kQuickMilliseconds = 1000;
  static constexpr int64_t kFirstPauseMilliseconds = 5;
  static constexpr int64_t kMostPauseMilliseconds = 250;
  static constexpr uint32_t kWithoutPause = 3;  // in a row
  // How soon after a request its view is looked at again.
  static constexpr int64_t kLookMilliseconds = 250;
  // So long a worker may be at one request before another takes its place, and twice as long each time that this did not
  // help: what it waits for may be a disk.
  static constexpr int64_t kPatienceMilliseconds = 600;
  static constexpr int64_t kMostPatienceMilliseconds = 60000;
  // Replacements under way, on a host and of one owner; and how often in a row one may fail before the view ends.
  static constexpr uint32_t kReplacements = 16;
  static constexpr uint32_t kReplacementsPerOwner = 4;
  static constexpr uint32_t kFailedReplacements = 10;
  // Spare workers, on a host and of one owner: each is some hundred KiB that nobody needs before another has ended. One is
  // started when its view has been in use for so long.
  static constexpr uint32_t kSpares = 64;
  static constexpr uint32_t kSparesPerOwner = 16;
  static constexpr int64_t kSpareMilliseconds = 250;
  // A worker without a request for so long rests, unless the service was started with another time.
  static constexpr int64_t kWorkerIdleMilliseconds = 60000;
  static constexpr int64_t kLooksWhileIdle = 4;
  // So long after the last time that the kernel was told for how long it may remember something it has forgotten it, and half of
  // it more.
  static constexpr int64_t kForgottenMilliseconds = 500;
};

}  // namespace sluice::core
