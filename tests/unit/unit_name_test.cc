// The unit of a peer, from what the kernel says of its control group.
#include "core/unit_name.h"

#include <gtest/gtest.h>

namespace sluice::core {
namespace {

TEST(UnitName, OfTheSystem) {
  EXPECT_EQ(unit_of("0::/system.slice/backup.service\n"), "backup.service");
  EXPECT_EQ(unit_of("0::/system.slice/system-getty.slice/getty@tty1.service\n"), "getty@tty1.service");
  EXPECT_EQ(unit_of("0::/init.scope\n"), "init.scope");
  EXPECT_EQ(unit_of("0::/user.slice/user-1000.slice/session-3.scope\n"), "session-3.scope");
  EXPECT_EQ(unit_of("0::/system.slice/backup.service/inner/x.service\n"), "backup.service");
  EXPECT_EQ(unit_of("0::/system.slice/_cpu.service\n"), "cpu.service");
  EXPECT_EQ(unit_of("12:cpu:/else.service\n0::/system.slice/a.service\n"), "a.service");
}

TEST(UnitName, OfAUsersManager) {
  EXPECT_EQ(unit_of("0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.scope\n"),
            "user@1000.service/app-x.scope");
  EXPECT_EQ(unit_of("0::/user.slice/user-1000.slice/user@1000.service\n"), "user@1000.service");
  EXPECT_EQ(unit_of("0::/user.slice/user-1000.slice/user@1000.service/init.scope\n"),
            "user@1000.service/init.scope");
}

TEST(UnitName, None) {
  for (const char* groups : {"", "\n", "0::/\n", "0::/docker/1234\n", "0::/a.slice/b.slice\n", "0:", "0::",
                             "1:name=systemd:/system.slice/a.service\n", "0::x.service\n"}) {
    EXPECT_EQ(unit_of(groups), "") << groups;
  }
}

TEST(UnitName, IsBoundedAndOfOneLine) {
  const std::string part = std::string(5000, 'x') + ".service";
  EXPECT_LE(unit_of("0::/" + part).size(), 255u);
  EXPECT_EQ(unit_of("0::/a.service\n0::/b.service\n"), "a.service");
}

}  // namespace
}  // namespace sluice::core
