#include "wire/foreign_reply.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "wire/control.h"

namespace sluice::wire {
namespace {

using core::Reason;

// The service writes it by wire/control.h.
TEST(ForeignReply, IsWhatTheServiceWrites) {
  const auto welcome = decode_foreign_reply(encode_reply({0, Reason::kNone, 4096, "connection-1"}));
  ASSERT_TRUE(welcome.ok());
  EXPECT_EQ(welcome->error, 0);
  EXPECT_EQ(welcome->reason, 0u);
  EXPECT_EQ(welcome->most_grants, 4096u);
  const auto refusal = decode_foreign_reply(encode_reply({EPERM, Reason::kConnectionForeign, 0, {}}));
  ASSERT_TRUE(refusal.ok());
  EXPECT_EQ(refusal->error, EPERM);
  EXPECT_EQ(refusal->reason, static_cast<uint32_t>(Reason::kConnectionForeign));
}

TEST(ForeignReply, MayHaveALaterReason) {
  const auto later = decode_foreign_reply(encode_reply({EPERM, static_cast<Reason>(60000), 0, {}}));
  ASSERT_TRUE(later.ok());
  EXPECT_EQ(later->reason, 60000u);
}

TEST(ForeignReply, IsWholeAndOfThisVersion) {
  const auto good = encode_reply({0, Reason::kNone, 1, "name"});
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(decode_foreign_reply(std::span(good).first(length)).ok()) << length;
  }
  auto longer = good;
  longer.push_back(0);
  EXPECT_FALSE(decode_foreign_reply(longer).ok());
  auto version = good;
  version[4] = 2;
  ASSERT_FALSE(decode_foreign_reply(version).ok());
  EXPECT_EQ(decode_foreign_reply(version).failure().reason, Reason::kVersion);
  auto magic = good;
  magic[0] ^= 1;
  EXPECT_FALSE(decode_foreign_reply(magic).ok());
}

TEST(ForeignReply, HasAnErrnoWhereItHasAReason) {
  EXPECT_FALSE(decode_foreign_reply(encode_reply({0, Reason::kTimeout, 0, {}})).ok());
  EXPECT_FALSE(decode_foreign_reply(encode_reply({EIO, Reason::kNone, 0, {}})).ok());
  EXPECT_FALSE(decode_foreign_reply(encode_reply({-1, Reason::kTimeout, 0, {}})).ok());
  EXPECT_FALSE(decode_foreign_reply(encode_reply({4096, Reason::kTimeout, 0, {}})).ok());
}

}  // namespace
}  // namespace sluice::wire
