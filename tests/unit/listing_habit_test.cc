#include "worker/listing_habit.h"

#include <gtest/gtest.h>

namespace sluice::worker {
namespace {

// Lists directories of so many files each, one after the other, as somebody who looks at every file or at none.
// How many files came without their attributes.
int left_out(ListingHabit& habit, int directories, int files, bool looks) {
  static uint64_t directory = 100;
  int count = 0;
  for (int i = 0; i < directories; ++i) {
    habit.begin(++directory);
    for (int file = 0; file < files; ++file) {
      if (habit.wants_file()) continue;
      ++count;
      if (looks) habit.look_up(directory);
    }
  }
  return count;
}

TEST(ListingHabit, WhoLooksAtNothingIsToldNothing) {
  ListingHabit habit;
  EXPECT_EQ(left_out(habit, 50, 30, false), 50 * 30);
}

TEST(ListingHabit, WhoLooksAtAllSoonGetsAllButAFew) {
  ListingHabit habit;
  left_out(habit, 5, 30, true);
  const int count = left_out(habit, 80, 30, true);
  EXPECT_GE(count, 1);
  EXPECT_LE(count, 10);  // of 2,400
}

TEST(ListingHabit, SoonForgetsWhoLooked) {
  ListingHabit habit;
  left_out(habit, 50, 30, true);
  left_out(habit, 30, 30, false);
  EXPECT_EQ(left_out(habit, 50, 30, false), 50 * 30);
}

TEST(ListingHabit, ALookUpElsewhereSaysNothing) {
  ListingHabit habit;
  for (uint64_t directory = 1; directory < 50; ++directory) {
    habit.begin(directory);
    EXPECT_FALSE(habit.wants_file());
    habit.look_up(directory + 1000);
  }
}

// Neither does one before anything was left out: of a directory on the way.
TEST(ListingHabit, DirectoriesWithoutFilesChangeNothing) {
  ListingHabit habit;
  left_out(habit, 10, 30, true);
  left_out(habit, 1000, 0, false);
  EXPECT_LE(left_out(habit, 8, 30, true), 2);
}

}  // namespace
}  // namespace sluice::worker
