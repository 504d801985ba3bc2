// What the service tells the broker of a foreign connection.
#include "wire/foreign_config.h"

#include <gtest/gtest.h>

#include "core/connection_limits.h"
#include "core/limits.h"
#include "core/protection.h"
#include "tests/unit/decoder_checks.h"

namespace sluice::wire {
namespace {

using core::Limits;
using test::Bytes;
using test::with;

Bytes bytes_of(const ForeignConfig& config) {
  Bytes bytes(sizeof(config));
  std::memcpy(bytes.data(), &config, sizeof(config));
  return bytes;
}
Bytes good() {
  return bytes_of({kForeignConfigMagic, 100, Limits::kFirstPrivateUid + 7, core::kScopeMissing, 1, 0, 0x1234567890});
}

TEST(ForeignConfig, RoundTrip) {
  const auto config = decode_foreign_config(good());
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->most_grants, 100u);
  EXPECT_EQ(config->private_uid, Limits::kFirstPrivateUid + 7);
  EXPECT_EQ(config->missing, core::kScopeMissing);
  EXPECT_EQ(config->may_write, 1u);
  EXPECT_EQ(config->audit, 0u);
  EXPECT_EQ(config->mount_namespace, 0x1234567890u);
}

TEST(ForeignConfig, TruncatedTrailingAndMutated) {
  test::expect_truncations_refused(good(), decode_foreign_config);
  test::expect_trailing_bytes_refused(good(), decode_foreign_config);
  test::expect_mutations_survived(good(), decode_foreign_config, bytes_of);
  test::expect_noise_survived(100, decode_foreign_config);
}

TEST(ForeignConfig, OutOfRange) {
  const auto taken = [](size_t at, uint32_t value) { return decode_foreign_config(with(good(), at, value)).ok(); };
  EXPECT_FALSE(taken(0, kForeignConfigMagic + 1));
  EXPECT_FALSE(taken(4, 0));
  EXPECT_TRUE(taken(4, core::ConnectionLimits::kGrants));
  EXPECT_FALSE(taken(4, core::ConnectionLimits::kGrants + 1));
  // A real uid that somebody may have would let that somebody signal the broker.
  for (const uint32_t uid : {0u, 1000u, 65534u, Limits::kFirstPrivateUid - 1,
                             Limits::kFirstPrivateUid + Limits::kPrivateUids, ~0u}) {
    EXPECT_FALSE(taken(8, uid)) << uid;
  }
  EXPECT_TRUE(taken(8, Limits::kFirstPrivateUid + Limits::kPrivateUids - 1));
  EXPECT_TRUE(taken(12, core::kAllMissing));
  EXPECT_FALSE(taken(12, core::kAllMissing + 1));
  for (const size_t at : {16, 20}) {
    EXPECT_TRUE(taken(at, 0) && taken(at, 1));
    EXPECT_FALSE(taken(at, 2)) << at;
  }
}

}  // namespace
}  // namespace sluice::wire
