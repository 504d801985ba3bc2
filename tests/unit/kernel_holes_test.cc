#include "cli/kernel_holes.h"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

TEST(KernelHoles, VersionOfARelease) {
  EXPECT_EQ(version_of("6.18.44-rt1"), (KernelVersion{6, 18}));
  EXPECT_EQ(version_of("7.1"), (KernelVersion{7, 1}));
  EXPECT_EQ(version_of("6.9-rc1"), (KernelVersion{6, 9}));
  for (const char* odd : {"", "6", "x.1", "6.", "6.x", "."}) {
    EXPECT_EQ(version_of(odd).minor, 0) << odd;
    EXPECT_TRUE(holes_of(version_of(odd)).empty()) << odd;
  }
}

TEST(KernelHoles, FromTheFirstWithToTheFirstWithout) {
  for (const KernelHole& hole : kKernelHoles) {
    const auto has = [&](KernelVersion version) {
      for (const KernelHole* found : holes_of(version)) {
        if (found == &hole) return true;
      }
      return false;
    };
    EXPECT_TRUE(has(hole.from)) << hole.name;
    EXPECT_FALSE(has({hole.from.major, hole.from.minor - 1})) << hole.name;
    EXPECT_FALSE(has(hole.fixed)) << hole.name;
  }
}

}  // namespace
}  // namespace sluice::cli
