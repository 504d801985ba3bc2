// How often a view gets another worker.
#include "core/recovery.h"

#include <gtest/gtest.h>

namespace sluice::core {
namespace {

using Limits = RecoveryLimits;

TEST(Recovery, TheFirstAtOnceThenAfterPausesThenNone) {
  Recovery recovery;
  int64_t now = 1000, pause = 0;
  recovery.started(now);
  for (uint32_t i = 1; i <= Limits::kWorkerEnds; ++i) {
    const auto next = recovery.ended(now);
    ASSERT_TRUE(next.has_value()) << i;
    if (i <= Limits::kWithoutPause) {
      EXPECT_EQ(*next, now) << i;
    } else {
      EXPECT_GE(*next - now, pause) << i;
      EXPECT_LE(*next - now, Limits::kMostPauseMilliseconds) << i;
      EXPECT_GT(*next, now) << i;
      pause = *next - now;
    }
    recovery.started(now);
  }
  EXPECT_EQ(pause, Limits::kMostPauseMilliseconds);
  EXPECT_FALSE(recovery.ended(now).has_value());
}

TEST(Recovery, OneThatEndsNowAndThenIsReplacedForEver) {
  Recovery recovery;
  int64_t now = 5;
  for (int i = 0; i < 1000; ++i) {
    recovery.started(now);
    now += Limits::kForgivenMilliseconds;
    const auto next = recovery.ended(now);
    ASSERT_TRUE(next.has_value()) << i;
    EXPECT_EQ(*next, now) << "no pause after one that lived for long";
  }
}

// What dies of its first request, each time, does so for a limited time.
TEST(Recovery, ThatOfAWorkerThatAlwaysEndsEnds) {
  Recovery recovery;
  int64_t now = 0;
  recovery.started(now);
  int started = 0;
  for (; started < 1000; ++started) {
    const auto next = recovery.ended(now += 20);
    if (!next) break;
    recovery.started(now = *next + 20);
  }
  EXPECT_GT(started, static_cast<int>(Limits::kWorkerEnds) - 1);
  EXPECT_LT(now, 5000);
}

TEST(Recovery, OneThatCannotBeStartedIsTriedForALimitedTime) {
  Recovery recovery;
  int64_t now = 0;
  recovery.started(now);
  now += 10 * Limits::kQuickMilliseconds;
  ASSERT_TRUE(recovery.ended(now).has_value());
  int failed = 0;
  for (; failed < 1000; ++failed) {
    const auto next = recovery.failed(now);
    if (!next) break;
    EXPECT_GT(*next, now);
    now = *next + 5000;  // nor does the time that each takes bring it back
  }
  EXPECT_EQ(failed, static_cast<int>(Limits::kFailedReplacements));
  recovery.started(now);
  EXPECT_TRUE(recovery.failed(now).has_value()) << "counted anew";
}

}  // namespace
}  // namespace sluice::core
