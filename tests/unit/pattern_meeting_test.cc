// Whether two patterns can match one name: never "no" where there is one.
#include "cli/pattern_meeting.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "core/compiler.h"
#include "core/matcher.h"
#include "tests/unit/effort.h"

namespace sluice::cli {
namespace {

TEST(PatternMeeting, WhatMeets) {
  const char* pairs[][2] = {{"*.c", "*.c"},     {"*.json", "client_secret*.json"}, {"*", ".env"},
                            {"**", "*.key"},    {"a*", "*b"},                      {"core.[0-9]*", "*.c"},
                            {"?", "a"},         {"", ""},                          {"*", ""},
                            {"\\*", "\\*"},     {"\\*", "?"},                      {"[]a]x", "bx"},
                            {"a*c*e", "ab*d*e"}};
  for (const auto& [a, b] : pairs) {
    EXPECT_TRUE(can_meet(a, b)) << a << " " << b;
    EXPECT_TRUE(can_meet(b, a)) << b << " " << a;
  }
}

TEST(PatternMeeting, WhatDoesNot) {
  const char* pairs[][2] = {{"*.c", "*.h"}, {"*.o", ".env"}, {"*.c", "id_rsa"}, {"a", ""},
                            {"a", "ab"},    {"a*", "b*"},    {"*a", "*b"},      {"\\*", "a"},
                            {"??", "abc"},  {"*.yml", "*.key"}};
  for (const auto& [a, b] : pairs) {
    EXPECT_FALSE(can_meet(a, b)) << a << " " << b;
    EXPECT_FALSE(can_meet(b, a)) << b << " " << a;
  }
}

// Against names that both match by the rules themselves.
TEST(PatternMeeting, NeverWronglyNo) {
  std::mt19937 random(7);
  const auto pick = [&](const char* letters, size_t count) { return letters[random() % count]; };
  size_t both = 0;
  for (size_t i = 0; i < test::part_of(20000); ++i) {
    std::string a, b, name;
    for (size_t n = 1 + random() % 4; n > 0; --n) a += pick("ab*?", 4);
    for (size_t n = 1 + random() % 4; n > 0; --n) b += pick("ab*?", 4);
    for (size_t n = 1 + random() % 4; n > 0; --n) name += pick("ab", 2);
    const auto matches = [&](const std::string& pattern) {
      const std::vector<std::string_view> one = {pattern};
      const auto compiled = core::compile(one);
      const auto* rules = std::get_if<core::Rules>(&compiled);
      if (rules == nullptr) return false;
      core::Matcher matcher(*rules, 0);
      return rules->hides(matcher.decide(name).file);
    };
    if (!matches(a) || !matches(b)) continue;
    ++both;
    EXPECT_TRUE(can_meet(a, b)) << a << " " << b << " " << name;
  }
  EXPECT_GT(both, test::part_of(500));
}

}  // namespace
}  // namespace sluice::cli
