// Who has which view: names, limits, and who may see it.
#include "service/view_table.h"

#include <gtest/gtest.h>

#include <string>

#include "core/limits.h"

namespace sluice::service {
namespace {

using core::Limits;
using core::Reason;

constexpr uint32_t kAnn = 1001, kBen = 1002;
constexpr uint32_t kPerView = Limits::kGrantsPerView;

Reason reason_of(const core::Result<const ViewTable::Entry*>& result) {
  return result.ok() ? Reason::kNone : result.failure().reason;
}

TEST(ViewTable, NamesAreOnesOwn) {
  ViewTable table(kPerView);
  ASSERT_TRUE(table.reserve(1, kAnn, kAnn, "mine").ok());
  EXPECT_EQ(reason_of(table.reserve(2, kBen, kBen, "mine")), Reason::kNameTaken);
  const auto unnamed = table.reserve(2, kBen, kBen, "");
  ASSERT_TRUE(unnamed.ok());
  EXPECT_EQ((*unnamed)->name, "view-2");
  EXPECT_EQ(reason_of(table.reserve(3, kAnn, kAnn, "view-2")), Reason::kNameTaken);
  table.release(1);
  EXPECT_TRUE(table.reserve(3, kBen, kBen, "mine").ok());
  // One set-up process makes one view.
  EXPECT_EQ(reason_of(table.reserve(3, kBen, kBen, "another")), Reason::kProtocol);
}

TEST(ViewTable, OnlyRootMakesViewsForOthers) {
  ViewTable table(kPerView);
  EXPECT_EQ(reason_of(table.reserve(1, kAnn, kBen, "")), Reason::kNotPermitted);
  EXPECT_EQ(reason_of(table.reserve(1, kAnn, 0, "")), Reason::kNotPermitted);
  EXPECT_TRUE(table.reserve(1, 0, kBen, "").ok());
}

TEST(ViewTable, SeenByRootAndThoseConcerned) {
  ViewTable table(kPerView);
  ASSERT_TRUE(table.reserve(1, 0, kAnn, "for-ann").ok());
  ASSERT_TRUE(table.reserve(2, kBen, kBen, "of-ben").ok());
  EXPECT_EQ(table.id_of("for-ann", 0), 1u);
  EXPECT_EQ(table.id_of("for-ann", kAnn), 1u);
  EXPECT_EQ(table.id_of("for-ann", kBen), 0u);
  EXPECT_EQ(table.id_of("of-ben", kAnn), 0u);
  EXPECT_EQ(table.id_of("of-ben", kBen), 2u);
  EXPECT_EQ(table.id_of("none", 0), 0u);
  EXPECT_FALSE(table.may_see(3, 0));
}

TEST(ViewTable, ViewsOfAUserAndOfTheHost) {
  ViewTable table(Limits::kGrantsLeast);
  uint64_t id = 0;
  for (uint32_t i = 0; i < Limits::kViewsPerUser; ++i) {
    ASSERT_TRUE(table.reserve(++id, kAnn, kAnn, "").ok());
  }
  EXPECT_EQ(reason_of(table.reserve(++id, kAnn, kAnn, "")), Reason::kLimitViewsOfUser);
  EXPECT_TRUE(table.reserve(id, kBen, kBen, "").ok());
  while (table.size() < Limits::kViewsPerHost) ASSERT_TRUE(table.reserve(++id, 0, 0, "").ok());
  EXPECT_EQ(reason_of(table.reserve(++id, 0, 0, "")), Reason::kLimitViews);
}

TEST(ViewTable, GrantsAreSharedOut) {
  ViewTable table(kPerView);
  uint32_t sum = 0, last = ~0u;
  uint64_t id = 0;
  for (;;) {
    const auto entry = table.reserve(++id, 0, kAnn, "");
    if (!entry.ok()) {
      EXPECT_EQ(entry.failure().reason, Reason::kLimitGrantsOfUser);
      break;
    }
    EXPECT_GE((*entry)->grants, Limits::kGrantsLeast);
    EXPECT_LE((*entry)->grants, std::min(kPerView, last));
    last = (*entry)->grants;
    sum += last;
  }
  EXPECT_LE(sum, Limits::kGrantsPerUser);
  EXPECT_GT(sum, Limits::kGrantsPerUser - Limits::kGrantsLeast);
  EXPECT_GT(id, 16u);
  EXPECT_TRUE(table.reserve(id, 0, kBen, "").ok());  // another's are its own
  table.release(1);
  EXPECT_TRUE(table.reserve(++id, 0, kAnn, "").ok());
}

}  // namespace
}  // namespace sluice::service
