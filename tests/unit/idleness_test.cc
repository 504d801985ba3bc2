// When a worker is asked to rest.
#include "core/idleness.h"

#include <gtest/gtest.h>

namespace sluice::core {
namespace {

using Rests = RecoveryLimits;

constexpr int64_t kIdle = 60'000;

TEST(Idleness, OverAfterSoLongWithoutARequest) {
  Idleness idleness(1000, kIdle, 1000);
  EXPECT_TRUE(idleness.is_on());
  EXPECT_FALSE(idleness.is_over(1000 + kIdle - 1, 0, false));
  EXPECT_TRUE(idleness.is_over(1000 + kIdle, 0, false));
}

TEST(Idleness, NeverWithoutATime) {
  Idleness never(1000, 0, 1000);
  EXPECT_FALSE(never.is_on());
  EXPECT_FALSE(never.is_over(INT64_MAX / 2, 0, false));
  EXPECT_FALSE(Idleness().is_over(INT64_MAX / 2, 0, false));
}

// Nobody watches what the kernel remembers.
TEST(Idleness, NotBeforeTheKernelHasForgotten) {
  for (const uint32_t coherence : {0u, 1000u, 3'600'000u, 86'400'000u}) {
    Idleness idleness(0, 1000, coherence);
    EXPECT_FALSE(idleness.is_over(int64_t{coherence} + Rests::kForgottenMilliseconds, 0, false)) << coherence;
    EXPECT_TRUE(idleness.is_over(int64_t{coherence} + 2 * Rests::kForgottenMilliseconds, 0, false)) << coherence;
  }
}

// Whoever has seen that it was used.
TEST(Idleness, UsedMeanwhile) {
  Idleness idleness(0, kIdle, 0);
  idleness.used(kIdle - 1);
  EXPECT_FALSE(idleness.is_over(kIdle, 0, false));
  EXPECT_FALSE(idleness.is_over(2 * kIdle - 2, 0, true));
  EXPECT_FALSE(idleness.is_over(3 * kIdle - 3, 1, false));
  EXPECT_FALSE(idleness.is_over(4 * kIdle - 4, 1, false));
  EXPECT_TRUE(idleness.is_over(4 * kIdle - 3, 1, false));
}

TEST(Idleness, AskedOnceInSuchATime) {
  Idleness idleness(0, kIdle, 0);
  EXPECT_FALSE(idleness.take_asked());
  EXPECT_TRUE(idleness.is_over(kIdle, 0, false));
  EXPECT_FALSE(idleness.is_over(kIdle + 1, 0, false));
  EXPECT_FALSE(idleness.is_over(2 * kIdle - 1, 0, false));
  EXPECT_TRUE(idleness.take_asked());
  EXPECT_FALSE(idleness.take_asked()) << "who says it twice was asked once";
  EXPECT_TRUE(idleness.is_over(2 * kIdle, 0, false));
}

TEST(Idleness, LooksSeldom) {
  EXPECT_EQ(Idleness(0, kIdle, 0).next_look(5), 5 + kIdle / Rests::kLooksWhileIdle);
  EXPECT_GE(Idleness(0, 1, 0).next_look(0), Rests::kLookMilliseconds);
}

}  // namespace
}  // namespace sluice::core
