// Which rules are refused, and how that is said.
#include "core/compiler.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/reference_rules.h"

namespace sluice::core {
namespace {

using std::string_view_literals::operator""sv;
using test::error_of;
using test::must_compile;
using test::WrittenRules;
using Patterns = std::vector<std::string>;

TEST(Compiler, RefusesWhatCanOnlyBeAMistake) {
  const struct {
    std::string_view pattern;
    size_t offset;
    std::string_view what;
  } cases[] = {
      {"", 0, "blank"},
      {"  ", 0, "blank"},
      {" \t", 0, "blank"},
      {"#a", 0, "comment"},
      {"#", 0, "comment"},
      {"a\0b"sv, 1, "NUL"},
      {"a ", 1, "space"},
      {"a  ", 2, "space"},
      {"a/ ", 2, "space"},
      {"a\\\\ ", 3, "space"},
      {"a\\  ", 3, "space"},
      {"! ", 1, "space"},
      {"!", 0, "names nothing"},
      {"/", 0, "names nothing"},
      {"!/", 0, "names nothing"},
      {"//", 1, "between two slashes"},
      {"//a", 1, "between two slashes"},
      {"!//a", 2, "between two slashes"},
      {"a//b", 2, "between two slashes"},
      {"a//", 2, "between two slashes"},
      {".", 0, "no name is"},
      {"..", 0, "no name is"},
      {"./a", 0, "no name is"},
      {"a/../b", 2, "no name is"},
      {"!a/./", 3, "no name is"},
      {"\\", 0, "backslash"},
      {"a\\/b", 1, "backslash"},
      {"ab\\/", 2, "backslash"},
      {"a/[b", 2, "not closed"},
      {"[a/b]", 0, "not closed"},
      {"!x/[b-a]/c", 4, "reversed"},
      {"/x/[[:no:]]", 4, "no class"},
  };
  for (const auto& c : cases) {
    const auto error = error_of(test::hiding({"fine", std::string(c.pattern), "fine"}));
    ASSERT_TRUE(error.has_value()) << c.pattern;
    EXPECT_EQ(error->rule, 1u);
    EXPECT_EQ(error->error.offset, c.offset) << c.pattern;
    EXPECT_NE(error->error.what.find(c.what), std::string_view::npos)
        << c.pattern << ": " << error->error.what;
    EXPECT_EQ(error->error.reason, Reason::kRuleSyntax);
  }
}

TEST(Compiler, OnlyWhatHidesIsNegated) {
  for (size_t effect = 1; effect <= static_cast<size_t>(kLastEffect); ++effect) {
    Rule rule{static_cast<Effect>(effect)};
    if (rule.effect == Effect::kDeny) rule.value = 1;
    const WrittenRules rules = {{"a"}, {"!a", rule}};
    if (rule.effect == Effect::kHide) {
      EXPECT_EQ(must_compile(rules).rule(2).effect, Effect::kShow);
    } else {
      ASSERT_TRUE(error_of(rules).has_value()) << effect;
      EXPECT_EQ(error_of(rules)->rule, 1u);
    }
    EXPECT_EQ(must_compile({{"a", rule}}).rule(1).effect, rule.effect);
  }
}

// A rule with an effect and its values, and times.
Rule with(Effect effect, uint64_t value = 0, uint64_t value2 = 0, int64_t from = 0, int64_t until = 0) {
  return {effect, false, value, value2, from, until};
}

TEST(Compiler, ValuesInRange) {
  const Rule fine[] = {
      with(Effect::kDeny, 1),
      with(Effect::kDeny, 133),
      with(Effect::kWindow),
      with(Effect::kWindow, INT64_MAX, 0),
      with(Effect::kWindow, 0, INT64_MAX),
      with(Effect::kWindow, 1, INT64_MAX - 1),
      with(Effect::kOwner, UINT32_MAX - 1),
      with(Effect::kGroup, UINT32_MAX - 1),
      with(Effect::kMode, 07777u << 16 | 07777),
      with(Effect::kMostNames, UINT32_MAX),
      with(Effect::kHide, 0, 0, 5),
      with(Effect::kHide, 0, 0, 5, 6),
      with(Effect::kHide, 0, 0, 0, INT64_MAX),
  };
  for (const Rule& rule : fine) {
    EXPECT_EQ(rule_error(rule), "");
    EXPECT_EQ(must_compile({{"a", rule}}).rule(1), rule);
  }
  const Rule wrong[] = {
      with(Effect::kDeny),
      with(Effect::kDeny, 134),
      with(Effect::kDeny, 1, 1),
      with(Effect::kWindow, uint64_t{INT64_MAX} + 1),
      with(Effect::kWindow, 0, uint64_t{INT64_MAX} + 1),
      with(Effect::kWindow, 2, INT64_MAX - 1),
      with(Effect::kWindow, UINT64_MAX, UINT64_MAX),
      with(Effect::kOwner, UINT32_MAX),
      with(Effect::kGroup, UINT32_MAX),
      with(Effect::kGroup, 0, 1),
      with(Effect::kMode, 010000),
      with(Effect::kMode, uint64_t{010000} << 16),
      with(Effect::kMostNames, uint64_t{UINT32_MAX} + 1),
      with(Effect::kHide, 1),
      with(Effect::kShow, 1),
      with(Effect::kReadOnly, 0, 1),
      with(Effect::kMask, 1),
      with(Effect::kHide, 0, 0, -1),
      with(Effect::kHide, 0, 0, 0, -1),
      with(Effect::kHide, 0, 0, 5, 5),
      with(Effect::kHide, 0, 0, 5, 4),
      with(Effect::kHide, 0, 0, INT64_MIN, 1),
  };
  for (const Rule& rule : wrong) {
    EXPECT_NE(rule_error(rule), "");
    const auto error = error_of({{"fine"}, {"a", rule}});
    ASSERT_TRUE(error.has_value()) << test::text_of({{"a", rule}});
    EXPECT_EQ(error->rule, 1u);
    EXPECT_EQ(error->error.reason, Reason::kRuleSyntax);
  }
}

std::string repeated(std::string_view piece, size_t times) {
  std::string all;
  while (times-- > 0) all += piece;
  return all;
}

bool limited(const Patterns& patterns, size_t index) {
  const auto error = error_of(test::hiding(patterns));
  return error && error->error.reason == Reason::kLimitRules && error->rule == index;
}

TEST(Compiler, LimitOfRules) {
  EXPECT_EQ(must_compile(Patterns(kMaxRules, "a")).size(), kMaxRules);
  EXPECT_TRUE(limited(Patterns(kMaxRules + 1, "a"), kMaxRules));
}

TEST(Compiler, LimitOfAPattern) {
  EXPECT_EQ(must_compile({std::string(4095, 'a')}).size(), 1u);
  EXPECT_TRUE(limited({"a", std::string(4096, 'a')}, 1));
}

TEST(Compiler, LimitOfBytes) {
  // Patterns that share nothing: each costs 2 bytes of its rule, 6 around its steps, and 1 a step. 4 are
  // about the whole.
  constexpr std::string_view kFirst = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN";
  static_assert(kMaxRulesBytes == kFirst.size() * (4088 + 8));
  Patterns patterns;
  for (const char first : kFirst) patterns.push_back(std::string("/") + first + std::string(4087, 'x'));
  patterns.back().resize(patterns.back().size() - 5);
  const auto size = [&] { return must_compile(patterns).bytes().size(); };
  EXPECT_EQ(size(), kMaxRulesBytes - 1);
  patterns.back() += 'a';
  EXPECT_EQ(size(), kMaxRulesBytes);
  patterns.back() += 'a';
  const auto error = error_of(test::hiding(patterns));
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->error.reason, Reason::kLimitRules);
}

// What begins alike is told once: compiled it would be small, and taking it apart would still cost.
TEST(Compiler, LimitOfWhatIsWritten) {
  Patterns patterns(kMaxWrittenBytes / 4096, std::string(4095, 'a'));
  patterns.push_back(std::string(kMaxWrittenBytes / 4096, 'b'));
  EXPECT_EQ(must_compile(patterns).size(), patterns.size());
  patterns.push_back("c");
  EXPECT_TRUE(limited(patterns, patterns.size() - 1));
}

TEST(Compiler, LimitOfBracketExpressions) {
  // So many that each is another set: pairs of letters.
  Patterns patterns;
  for (char x = 'a'; x <= 'z' && patterns.size() < kMaxSets; ++x) {
    for (char y = static_cast<char>(x + 1); y <= 'z' && patterns.size() < kMaxSets; ++y) {
      patterns.push_back(std::string("[") + x + y + "]");
    }
  }
  ASSERT_EQ(patterns.size(), kMaxSets);
  EXPECT_EQ(must_compile(patterns).size(), kMaxSets);
  patterns.push_back("[ba]");  // the same set as the first
  EXPECT_EQ(must_compile(patterns).size(), kMaxSets + 1);
  patterns.push_back("x?");
  EXPECT_TRUE(limited(patterns, kMaxSets + 1));
}

TEST(Compiler, AsManyNamesAsAPatternHolds) {
  const std::string deep = repeated("a/", 2047) + "a";
  EXPECT_EQ(must_compile({deep}).size(), 1u);
  EXPECT_EQ(must_compile({repeated("**/a/", 818) + "**"}).size(), 1u);
  EXPECT_EQ(must_compile({repeated("*/", 2047) + "*"}).size(), 1u);
}

TEST(Compiler, NoRulesAreNoBytes) {
  EXPECT_TRUE(must_compile(WrittenRules{}).bytes().empty());
  EXPECT_TRUE(must_compile(WrittenRules{}).empty());
}

}  // namespace
}  // namespace sluice::core
