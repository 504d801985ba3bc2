// The matcher against the slow reference: random rules, random paths.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/matcher.h"
#include "tests/unit/effort.h"
#include "tests/unit/random_rules.h"

namespace sluice::core {
namespace {

using test::must_compile;
using test::WrittenRules;

// The paths of a round share the matcher: states that one of them made serve the others.
constexpr size_t kPaths = 12;

TEST(Reference, OfWhatIsSeen) {
  test::RandomRules random(1);
  size_t hidden = 0;
  size_t shown_again = 0;
  const size_t sets = test::part_of(10000);
  for (size_t round = 0; round < sets; ++round) {
    const WrittenRules written = random.hiding();
    const Rules rules = must_compile(written);
    Matcher matcher(rules, 0);
    for (size_t k = 0; k < kPaths; ++k) {
      const std::string path = random.path(5);
      const bool directory = random.below(2) == 0;
      const Decision right = test::reference_decide(written, path, directory);
      ASSERT_EQ(matcher.decide(path).of(directory).sight, right.sight)
          << test::text_of(written) << "on " << path;
      hidden += rules.hides(right);
      shown_again += right.sight != 0 && !rules.hides(right);

      const size_t slash = path.rfind('/');
      if (slash == std::string::npos) continue;
      ASSERT_EQ(matcher.decide(path.substr(0, slash), path.substr(slash + 1)).of(directory), right)
          << test::text_of(written) << "on " << path;
    }
  }
  // The cases are worth something only if no verdict is rare.
  EXPECT_GT(hidden, sets * kPaths / 10);
  EXPECT_LT(hidden, sets * kPaths * 9 / 10);
  EXPECT_GT(shown_again, sets * kPaths / 30);
}

TEST(Reference, OfEveryTerm) {
  test::RandomRules random(2);
  size_t decided[kTerms] = {};
  size_t hidden = 0;
  size_t closed = 0;
  const size_t sets = test::part_of(10000);
  for (size_t round = 0; round < sets; ++round) {
    const WrittenRules written = random.rules();
    const Rules rules = must_compile(written);
    Matcher matcher(rules, 0);
    for (size_t k = 0; k < kPaths; ++k) {
      const std::string path = random.path(5);
      const Verdicts verdicts = matcher.decide(path);
      for (const bool directory : {false, true}) {
        const Decision right = test::reference_decide(written, path, directory);
        ASSERT_EQ(verdicts.of(directory), right) << test::text_of(written) << "on " << path;
        for (size_t term = 0; term < kTerms; ++term) decided[term] += right.terms[term] != 0;
        hidden += rules.hides(right);
        const Effect access = rules.find(right, Term::kAccess).effect;
        closed += access == Effect::kDeny || access == Effect::kMask;
      }
    }
  }
  for (size_t term = 0; term < kTerms; ++term) EXPECT_GT(decided[term], sets * kPaths / 20) << term;
  EXPECT_GT(hidden, sets * kPaths / 15);
  EXPECT_GT(closed, sets * kPaths / 20);
}

// ---- Rules that hold for a time ----

TEST(Reference, AtEveryTime) {
  test::RandomRules random(3);
  size_t changed = 0;
  for (size_t round = 0; round < test::part_of(4000); ++round) {
    const WrittenRules written = random.rules(true);
    const Rules rules = must_compile(written);
    Matcher matcher(rules, static_cast<int64_t>(random.below(2 * test::RandomRules::kTimes)));
    bool timed = false;
    for (const test::Written& each : written) timed = timed || each.rule.from != 0 || each.rule.until != 0;
    EXPECT_EQ(matcher.is_timed(), timed);
    for (size_t k = 0; k < kPaths; ++k) {
      // Forth and back: a clock may be set.
      const auto now = static_cast<int64_t>(random.below(2 * test::RandomRules::kTimes + 2));
      changed += matcher.set_time(now);
      const std::string path = random.path(4);
      const bool directory = random.below(2) == 0;
      ASSERT_EQ(matcher.decide(path).of(directory), test::reference_decide(written, path, directory, now))
          << test::text_of(written) << "on " << path << " at " << now;
    }
  }
  EXPECT_GT(changed, test::part_of(5000));
}

TEST(Times, AtTheirBounds) {
  Rule between;
  between.from = 100;
  between.until = 200;
  const Rules rules = must_compile(WrittenRules{{"a", between}});
  Matcher matcher(rules, 0);
  const auto hidden = [&] { return rules.hides(matcher.decide("a").file); };
  const struct {
    int64_t now;
    bool changes;
    bool hidden;
  } steps[] = {
      {0, false, false},   {99, false, false},  {100, true, true},         {101, false, true},
      {199, false, true},  {200, true, false},  {INT64_MAX, false, false}, {200, false, false},
      {199, true, true},   {150, false, true},  {100, false, true},        {99, true, false},
      {100, true, true},   {0, true, false},    {-1, false, false},        {INT64_MIN, false, false},
      {INT64_MAX, true, false},  // over both, which is not told from a change
      {150, true, true},
  };
  for (const auto& step : steps) {
    const bool was = hidden();
    EXPECT_EQ(matcher.set_time(step.now), step.changes) << step.now;
    EXPECT_EQ(hidden(), step.hidden) << step.now;
    EXPECT_TRUE(step.changes || was == hidden());
  }
}

TEST(Times, OfRulesWithoutThem) {
  const Rules rules = must_compile(std::vector<std::string>{"a", "!b"});
  Matcher matcher(rules, 50);
  EXPECT_FALSE(matcher.is_timed());
  for (const int64_t now : {INT64_MIN, int64_t{0}, int64_t{49}, int64_t{51}, INT64_MAX}) {
    EXPECT_FALSE(matcher.set_time(now));
    EXPECT_TRUE(rules.hides(matcher.decide("a").file));
  }
  const Rules none;
  Matcher empty(none, 0);
  EXPECT_FALSE(empty.is_timed());
  EXPECT_FALSE(empty.set_time(7));
}

TEST(Times, AnEarlierRuleDecidesMeanwhile) {
  Rule until;
  until.effect = Effect::kDeny;
  until.value = 13;
  until.until = 10;
  Rule from;
  from.effect = Effect::kReadOnly;
  from.from = 20;
  const Rules rules = must_compile(WrittenRules{{"x", {Effect::kMask}}, {"x", until}, {"x", from}});
  Matcher matcher(rules, 0);
  const auto access = [&] { return matcher.decide("x").file.term(Term::kAccess); };
  EXPECT_EQ(access(), 2);
  EXPECT_TRUE(matcher.set_time(10));
  EXPECT_EQ(access(), 1);
  EXPECT_TRUE(matcher.set_time(20));
  EXPECT_EQ(access(), 3);
}

}  // namespace
}  // namespace sluice::core
