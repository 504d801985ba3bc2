// The closed list of reasons.
#include "core/reason_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace sluice::core {
namespace {

constexpr auto kCount = static_cast<uint32_t>(Reason::kCount);

bool one_line(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

TEST(Reason, EachHasANameOfItsOwn) {
  std::set<std::string> names;
  for (uint32_t i = 0; i < kCount; ++i) {
    const std::string name(reason_name(static_cast<Reason>(i)));
    EXPECT_FALSE(name.empty()) << i;
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"), std::string::npos) << name;
  }
}

TEST(Reason, EachHasATextOfOneLine) {
  std::set<std::string> texts;
  for (uint32_t i = 0; i < kCount; ++i) {
    const auto reason = static_cast<Reason>(i);
    const std::string text(reason_text(reason));
    EXPECT_GE(text.size(), 10u) << i;
    EXPECT_TRUE(one_line(text)) << text;
    EXPECT_FALSE(text.ends_with('.')) << text;
    EXPECT_TRUE(texts.insert(text).second) << text;
    EXPECT_TRUE(one_line(reason_remedy(reason)));
    EXPECT_FALSE(reason_remedy(reason).ends_with('.'));
  }
}

TEST(Reason, NumbersFromElsewhere) {
  for (const uint32_t number : {kCount, kCount + 1, 0x80000000u, ~0u}) {
    EXPECT_EQ(reason_name(static_cast<Reason>(number)), "protocol");
    EXPECT_FALSE(reason_text(static_cast<Reason>(number)).empty());
  }
}

// The table of words is in the enumeration's order: one from each part of it, and its end.
TEST(Reason, NamesAreThoseOfTheEnumeration) {
  EXPECT_EQ(static_cast<uint32_t>(Reason::kNone), 0u);
  EXPECT_EQ(reason_name(Reason::kNone), "none");
  EXPECT_EQ(reason_name(Reason::kSystem), "system");
  EXPECT_EQ(reason_name(Reason::kProtocol), "protocol");
  EXPECT_EQ(reason_name(Reason::kIdentityRoot), "identity-root");
  EXPECT_EQ(reason_name(Reason::kSourceStacked), "source-stacked");
  EXPECT_EQ(reason_name(Reason::kProtectionMissing), "protection-missing");
  EXPECT_EQ(reason_name(Reason::kLimitGrants), "limit-grants");
  EXPECT_EQ(reason_name(Reason::kHidden), "hidden");
  EXPECT_EQ(reason_name(Reason::kNotSameFile), "not-same-file");
  EXPECT_EQ(reason_name(Reason::kGrantReadOnly), "grant-read-only");
  EXPECT_EQ(reason_name(Reason::kNoSuchView), "no-such-view");
  EXPECT_EQ(reason_name(Reason::kConfinementViolated), "confinement-violated");
}

}  // namespace
}  // namespace sluice::core
