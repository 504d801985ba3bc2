// Who has which view: names, limits, and who may see it.
#include "service/view_table.h"

#include <gtest/gtest.h>

#include <string>

#include "core/connection_limits.h"
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

// What is shared out to the connections of one user.
uint32_t shares_of(const ViewTable& table, uint64_t last_id) {
  uint32_t sum = 0;
  for (uint64_t id = 1; id <= last_id; ++id) {
    const ViewTable::Entry* entry = table.find(id);
    if (entry != nullptr) sum += entry->grants;
  }
  return sum;
}

TEST(ViewTable, ConnectionsAreOnesOwnAndSeenByThoseConcerned) {
  ViewTable table(kPerView);
  const auto entry = table.reserve_connection(1, kAnn, 72, {});
  ASSERT_TRUE(entry.ok());
  EXPECT_EQ((*entry)->name, "connection-1");
  EXPECT_EQ((*entry)->connection, 72u);
  EXPECT_EQ((*entry)->owner, kAnn);
  EXPECT_EQ((*entry)->uid, kAnn);
  EXPECT_EQ(reason_of(table.reserve_connection(2, kAnn, 72, {})), Reason::kConnectionTaken);
  EXPECT_EQ(reason_of(table.reserve_connection(2, kBen, 72, {})), Reason::kConnectionTaken);
  EXPECT_EQ(reason_of(table.reserve_connection(1, kAnn, 73, {})), Reason::kProtocol);
  EXPECT_EQ(reason_of(table.reserve_connection(2, kAnn, 0, {})), Reason::kProtocol);
  EXPECT_EQ(table.id_of("connection-1", kAnn), 1u);
  EXPECT_EQ(table.id_of("connection-1", 0), 1u);
  EXPECT_EQ(table.id_of("connection-1", kBen), 0u);
  // A view may be called so first.
  ASSERT_TRUE(table.reserve(3, kBen, kBen, "connection-4").ok());
  EXPECT_EQ(reason_of(table.reserve_connection(4, kAnn, 74, {})), Reason::kNameTaken);
  table.release(1);
  EXPECT_TRUE(table.reserve_connection(5, kBen, 72, {}).ok());
}

TEST(ViewTable, AsManyConnectionsOfAUserAsMayBe) {
  using Most = core::ConnectionLimits;
  ViewTable table(kPerView);
  uint32_t last = ~0u;
  for (uint32_t id = 1; id <= Most::kPerUser; ++id) {
    const auto entry = table.reserve_connection(id, kAnn, id, {});
    ASSERT_TRUE(entry.ok()) << id << ": " << static_cast<int>(reason_of(entry));
    EXPECT_GE((*entry)->grants, Most::kGrantsLeast) << id;
    EXPECT_LE((*entry)->grants, std::min(Most::kGrants, last)) << id;
    last = (*entry)->grants;
    EXPECT_LE(shares_of(table, id), Most::kGrantsPerUser) << id;
  }
  EXPECT_EQ(table.find(1)->grants, Most::kGrants) << "the first has as many as one may";
  EXPECT_EQ(reason_of(table.reserve_connection(9999, kAnn, 9999, {})), Reason::kLimitConnectionsOfUser);
  // Of views and of other users nothing is taken by that.
  ViewTable empty(kPerView);
  EXPECT_EQ((*table.reserve(10000, kAnn, kAnn, ""))->grants, (*empty.reserve(1, kAnn, kAnn, ""))->grants);
  EXPECT_EQ((*table.reserve_connection(10001, kBen, 10001, {}))->grants, Most::kGrants);
}

TEST(ViewTable, SharesComeBackAndAreNeverMoreThanThereAre) {
  using Most = core::ConnectionLimits;
  ViewTable table(kPerView);
  // They come and go, in an order that a fixed seed chooses.
  uint64_t state = 1, id = 0;
  for (int step = 0; step < 4000; ++step) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    if ((state >> 60) < 4 && id > 0) {
      table.release((state >> 20) % id + 1);
    } else if (table.size() < Most::kPerUser) {
      ++id;
      const auto entry = table.reserve_connection(id, kAnn, static_cast<uint32_t>(id), {});
      ASSERT_TRUE(entry.ok());
      ASSERT_GE((*entry)->grants, Most::kGrantsLeast);
    }
    ASSERT_LE(step % 100 == 0 ? shares_of(table, id) : 0, Most::kGrantsPerUser) << step;
  }
  for (uint64_t each = 1; each <= id; ++each) table.release(each);
  EXPECT_EQ((*table.reserve_connection(++id, kAnn, 1, {}))->grants, Most::kGrants);
}

// A broker that its server keeps from ending may hold what it was granted all that time.
TEST(ViewTable, StuckBrokersKeepTheirPlacesAndShares) {
  using Most = core::ConnectionLimits;
  ViewTable table(kPerView);
  EXPECT_EQ(reason_of(table.reserve_connection(1, kAnn, 1, {Most::kPerUser, 0})), Reason::kLimitConnectionsOfUser);
  ViewTable::Stuck stuck;
  for (uint64_t id = 1; id <= Most::kPerUser; ++id) {
    const auto entry = table.reserve_connection(id, kAnn, 1, stuck);
    ASSERT_TRUE(entry.ok());
    ASSERT_GE((*entry)->grants, Most::kGrantsLeast);
    stuck.grants += (*entry)->grants;
    ++stuck.brokers;
    ASSERT_LE(stuck.grants, Most::kGrantsPerUser) << id;
    table.release(id);
  }
  EXPECT_EQ(reason_of(table.reserve_connection(9999, kAnn, 1, stuck)), Reason::kLimitConnectionsOfUser);
}

// Where there are fewer descriptors, and so fewer places, no user takes more than a quarter either.
TEST(ViewTable, ConnectionsWhereThereIsLittle) {
  ViewTable table(kPerView, 4, 8);
  EXPECT_TRUE(table.reserve_connection(1, kAnn, 1, {}).ok());
  EXPECT_TRUE(table.reserve_connection(2, kAnn, 2, {}).ok());
  EXPECT_EQ(reason_of(table.reserve_connection(3, kAnn, 3, {})), Reason::kLimitConnectionsOfUser);
  for (uint32_t id = 3; id <= 8; ++id) EXPECT_TRUE(table.reserve_connection(id, kAnn + id, id, {}).ok());
  EXPECT_EQ(reason_of(table.reserve_connection(9, kBen + 100, 9, {})), Reason::kLimitConnections);
  ViewTable one(kPerView, 1, 1);
  EXPECT_TRUE(one.reserve_connection(1, kAnn, 1, {}).ok());
}

TEST(ViewTable, ConnectionsOfTheHost) {
  using Most = core::ConnectionLimits;
  ViewTable table(kPerView);
  uint32_t id = 0;
  while (table.size() < Most::kPerHost) {
    ++id;
    ASSERT_TRUE(table.reserve_connection(id, kAnn + id % 8, id, {}).ok());
  }
  EXPECT_EQ(reason_of(table.reserve_connection(id + 1, kBen + 100, id + 1, {})), Reason::kLimitConnections);
  EXPECT_TRUE(table.reserve(id + 2, kAnn, kAnn, "").ok()) << "views have places of their own";
}

}  // namespace
}  // namespace sluice::service
