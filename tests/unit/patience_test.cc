#include "worker/patience.h"

#include <gtest/gtest.h>

namespace sluice::worker {
namespace {

// Of `waits` waits, how many look before they sleep. found: whether a look finds a request.
int looks(Patience& patience, int waits, bool found) {
  int count = 0;
  for (int i = 0; i < waits; ++i) {
    if (patience.nanoseconds() == 0) continue;
    ++count;
    patience.looked(found);
  }
  return count;
}

TEST(Patience, LooksEveryTimeOnceItPays) {
  Patience patience(true);
  EXPECT_LE(looks(patience, 64, true), 1);
  EXPECT_EQ(looks(patience, 1000, true), 1000);
}

TEST(Patience, SoonSleepsAtOnceWhereItDoesNotPay) {
  Patience patience(true);
  looks(patience, 1000, true);
  EXPECT_LE(looks(patience, 100, false), 17);
  EXPECT_LE(looks(patience, 6400, false), 100);
}

TEST(Patience, NeverLooksOnOneCore) {
  Patience patience(false);
  EXPECT_EQ(looks(patience, 1000, true), 0);
}

}  // namespace
}  // namespace sluice::worker
