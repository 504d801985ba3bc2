// What the service tells a broker and a worker at their start.
#include "wire/view_config_writer.h"

#include <gtest/gtest.h>

#include "core/compiler.h"
#include "core/limits.h"
#include "core/matcher.h"
#include "core/protection.h"
#include "tests/unit/decoder_checks.h"

namespace sluice::wire {
namespace {

using core::Limits;
using core::Reason;
using test::Bytes;
using test::with;

enum Offset : size_t {
  kMagicAt = 0, kFlagsAt = 4, kCoherenceAt = 8, kGrantsAt = 12, kPrivateUidAt = 16, kUidAt = 20,
  kMissingAt = 24, kInitLengthAt = 28, kRulesLengthAt = 32
};

ViewConfig full() {
  ViewConfig config;
  config.read_only = true;
  config.coherence_milliseconds = 1500;
  config.most_grants = 100;
  config.private_uid = Limits::kFirstPrivateUid + 7;
  config.uid = 1000;
  config.missing = core::kScopeMissing;
  config.init = {1, 2, 3, 4, 5};
  const std::vector<std::string_view> patterns = {"/secret/", "*.key"};
  auto rules = core::compile(patterns);
  config.rules = std::get<core::Rules>(std::move(rules));
  config.grafts = {{"lib", true}};
  return config;
}
constexpr size_t kGraftsBytes = 4 + 8 + 3;  // their number; of each: read-only, length, place

TEST(ViewConfig, RoundTrip) {
  for (const bool read_only : {false, true}) {
    for (const bool preserve : {false, true}) {
      ViewConfig config = full();
      config.read_only = read_only;
      config.preserve = preserve;
      config.audit = preserve != read_only;
      config.device_nodes = preserve && !read_only;
      const auto decoded = decode_view_config(encode_view_config(config));
      ASSERT_TRUE(decoded.ok());
      EXPECT_EQ(decoded->read_only, read_only);
      EXPECT_EQ(decoded->preserve, preserve);
      EXPECT_EQ(decoded->audit, preserve != read_only);
      EXPECT_EQ(decoded->device_nodes, preserve && !read_only);
      EXPECT_EQ(decoded->coherence_milliseconds, config.coherence_milliseconds);
      EXPECT_EQ(decoded->most_grants, config.most_grants);
      EXPECT_EQ(decoded->private_uid, config.private_uid);
      EXPECT_EQ(decoded->uid, config.uid);
      EXPECT_EQ(decoded->missing, config.missing);
      EXPECT_EQ(decoded->init, config.init);
      EXPECT_EQ(decoded->rules, config.rules);
      EXPECT_EQ(decoded->grafts, config.grafts);
      core::Matcher matcher(decoded->rules, 0);
      EXPECT_TRUE(decoded->rules.hides(matcher.decide("a/b.key").file));
    }
  }
}

TEST(ViewConfig, NoRulesAndNoInit) {
  ViewConfig config;
  config.most_grants = 1;
  config.private_uid = Limits::kFirstPrivateUid;
  config.uid = 1;
  const auto decoded = decode_view_config(encode_view_config(config));
  ASSERT_TRUE(decoded.ok());
  EXPECT_TRUE(decoded->rules.empty());
  EXPECT_TRUE(decoded->init.empty());
}

TEST(ViewConfig, TruncatedTrailingAndMutated) {
  const Bytes message = encode_view_config(full());
  test::expect_truncations_refused(message, decode_view_config);
  test::expect_trailing_bytes_refused(message, decode_view_config);
  test::expect_mutations_survived(message, decode_view_config, [](const ViewConfig& config) {
    return encode_view_config(config);
  });
  test::expect_noise_survived(200, decode_view_config);
}

TEST(ViewConfig, OutOfRange) {
  const Bytes good = encode_view_config(full());
  EXPECT_FALSE(decode_view_config(with<uint32_t>(good, kMagicAt, 0)).ok());
  for (unsigned bit = 4; bit < 32; ++bit) {
    EXPECT_FALSE(decode_view_config(with(good, kFlagsAt, 1u << bit)).ok()) << bit;
  }
  EXPECT_FALSE(
      decode_view_config(with(good, kCoherenceAt, Limits::kCoherenceMillisecondsMost + 1)).ok());
  EXPECT_FALSE(decode_view_config(with(good, kGrantsAt, 0u)).ok());
  EXPECT_FALSE(decode_view_config(with(good, kGrantsAt, Limits::kGrantsPerView + 1)).ok());
  EXPECT_TRUE(decode_view_config(with(good, kGrantsAt, Limits::kGrantsPerView)).ok());
  // A real uid that somebody may have would let that somebody signal the processes.
  for (const uint32_t uid : {0u, 1000u, 65534u, Limits::kFirstPrivateUid - 1,
                             Limits::kFirstPrivateUid + Limits::kPrivateUids, ~0u}) {
    EXPECT_FALSE(decode_view_config(with(good, kPrivateUidAt, uid)).ok()) << uid;
  }
  EXPECT_FALSE(decode_view_config(with(good, kUidAt, 0u)).ok()) << "nobody's view is root's";
  EXPECT_TRUE(decode_view_config(with(good, kMissingAt, core::kAllMissing)).ok());
  EXPECT_FALSE(decode_view_config(with(good, kMissingAt, core::kAllMissing + 1)).ok());
  for (const size_t at : {kInitLengthAt, kRulesLengthAt}) {
    for (const uint32_t length : {0u, 0x7fffffffu, 0xfffffff8u, ~0u}) {
      EXPECT_FALSE(decode_view_config(with(good, at, length)).ok()) << at << " says " << length;
    }
  }
}

// The bits are the protocol's: another build has them there, too.
TEST(ViewConfig, DeviceNodesOfAnotherView) {
  constexpr uint32_t kReadOnly = 1, kPreserve = 2, kAudit = 4, kDeviceNodes = 8;
  const Bytes good = encode_view_config(full());
  for (uint32_t flags = 0; flags < 16; ++flags) {
    const auto decoded = decode_view_config(with(good, kFlagsAt, flags));
    const bool may = (flags & kDeviceNodes) == 0 || (flags & (kPreserve | kReadOnly)) == kPreserve;
    EXPECT_EQ(decoded.ok(), may) << flags;
    if (!decoded.ok()) continue;
    EXPECT_EQ(decoded->read_only, (flags & kReadOnly) != 0);
    EXPECT_EQ(decoded->preserve, (flags & kPreserve) != 0);
    EXPECT_EQ(decoded->audit, (flags & kAudit) != 0);
    EXPECT_EQ(decoded->device_nodes, (flags & kDeviceNodes) != 0);
  }
}

TEST(ViewConfig, RulesThatAreMalformedEndIt) {
  Bytes message = encode_view_config(full());
  // Behind the rules stands the list of grafts.
  const size_t rule_of_the_last_pattern = message.size() - kGraftsBytes - 2;
  message[rule_of_the_last_pattern] = 2;  // a third rule's, of two
  const auto decoded = decode_view_config(message);
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.failure().reason, Reason::kRuleSyntax);
}

}  // namespace
}  // namespace sluice::wire
