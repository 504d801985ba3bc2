// The table of limits holds together.
#include "core/limits.h"

#include <gtest/gtest.h>

#include "core/path.h"
#include "core/rules.h"
#include "wire/broker_message.h"
#include "wire/control.h"
#include "wire/event.h"

namespace sluice::core {
namespace {

TEST(Limits, OneUserDoesNotTakeTheHost) {
  EXPECT_LT(Limits::kViewsPerUser, Limits::kViewsPerHost);
  EXPECT_LT(Limits::kSetupsPerUser, Limits::kSetupsPerHost);
}

TEST(Limits, OnePathLengthEverywhere) {
  EXPECT_EQ(Limits::kPathBytes, kMaxPathBytes);
  EXPECT_GE(wire::kBrokerRequestMost, sizeof(wire::BrokerRequest) + kMaxPathBytes);
  EXPECT_GE(wire::kEventMost, sizeof(wire::Event) + kMaxPathBytes);
  EXPECT_EQ(Limits::kHostPathBytes, 4095u);  // PATH_MAX without its NUL
}

TEST(Limits, Grants) {
  EXPECT_GT(Limits::kGrantsPerView, 0u);
  EXPECT_LT(Limits::kIdleGrants, Limits::kGrantsPerView);
  EXPECT_GT(Limits::kIdleGrantMilliseconds, 0u);
}

TEST(Limits, Times) {
  EXPECT_LE(Limits::kCoherenceMilliseconds, Limits::kCoherenceMillisecondsMost);
  EXPECT_EQ(Limits::kCoherenceMillisecondsMost, 24u * 3600 * 1000);
  EXPECT_EQ(Limits::kRequestTimeoutSeconds % 15, 0);  // the kernel looks every 15 s
  EXPECT_GT(Limits::kSetupSeconds, 0u);
}

TEST(Limits, RulesFitAHello) { EXPECT_LT(kMaxRulesBytes, wire::kHelloMost); }

}  // namespace
}  // namespace sluice::core
