#include "worker/open_habit.h"

#include <gtest/gtest.h>

namespace sluice::worker {
namespace {

TEST(OpenHabit, WhoOpensHereAndThereIsNotHelped) {
  OpenHabit habit;
  for (int i = 0; i < 50; ++i) EXPECT_EQ(habit.opened(i % 3 != 0), 0u) << i;
}

TEST(OpenHabit, WhoOpensOneAfterTheOtherIsAfterThree) {
  OpenHabit habit;
  EXPECT_EQ(habit.opened(false), 0u);
  EXPECT_EQ(habit.opened(true), 0u);
  EXPECT_EQ(habit.opened(true), 0u);
  EXPECT_GT(habit.opened(true), 0u);
}

TEST(OpenHabit, TheMoreTheMoreOfThemAreUsed) {
  OpenHabit habit;
  uint32_t wanted = 0;
  for (int i = 0; i < 50; ++i) {
    wanted = habit.opened(true);
    habit.used();
  }
  EXPECT_EQ(wanted, OpenHabit::kMost);
}

TEST(OpenHabit, HardlyAnyWhereNobodyOpensThem) {
  OpenHabit habit;
  for (int i = 0; i < 50; ++i) habit.used();
  for (int i = 0; i < 10; ++i) habit.wasted();
  EXPECT_EQ(habit.opened(true), 0u);  // and from the start once more
  habit.opened(true);
  EXPECT_EQ(habit.opened(true), 1u);
}

TEST(OpenHabit, AskedAtTheLookUpByWhoOpensWhatTheyLookUp) {
  OpenHabit habit;
  uint64_t nodeid = 0;
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(habit.looked_up(++nodeid));
    habit.opened_after_look_up(nodeid);
  }
  EXPECT_TRUE(habit.looked_up(++nodeid));
}

TEST(OpenHabit, NotByWhoOnlyLooks) {
  OpenHabit habit;
  uint64_t nodeid = 0;
  for (int i = 0; i < 30; ++i) {
    habit.looked_up(++nodeid);
    habit.opened_after_look_up(nodeid);
  }
  int asked = 0;
  for (int i = 0; i < 30; ++i) asked += habit.looked_up(++nodeid) ? 1 : 0;
  EXPECT_LE(asked, 4);
}

TEST(OpenHabit, NorAgainSoonAfterItWasOfNoUse) {
  OpenHabit habit;
  for (uint64_t nodeid = 1; nodeid < 30; ++nodeid) {
    habit.looked_up(nodeid);
    habit.opened_after_look_up(nodeid);
  }
  habit.wasted();
  EXPECT_FALSE(habit.looked_up(100));
}

}  // namespace
}  // namespace sluice::worker
