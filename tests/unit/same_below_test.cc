// What a directory may be renamed to without anything below it being revealed, hidden or changed.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/matcher.h"
#include "tests/unit/effort.h"
#include "tests/unit/random_rules.h"

namespace sluice::core {
namespace {

using test::must_compile;
using test::WrittenRules;
using Patterns = std::vector<std::string>;

TEST(SameBelow, Table) {
  const struct {
    Patterns patterns;
    std::string_view a;
    std::string_view b;
    bool same;
  } cases[] = {
      {{}, "a", "b", true},
      {{}, "", "b", true},
      {{"secret"}, "a", "b/c", true},    // by name: the same everywhere
      {{"/a/secret"}, "a", "b", false},  // would reveal
      {{"/a/secret"}, "b", "a", false},  // would hide
      {{"/a/secret"}, "b", "c", true},
      {{"/a/secret"}, "b", "x/a", true},
      {{"a/**/secret"}, "a/x", "a/y/z", true},
      {{"a/**/secret"}, "a/x", "b/x", false},
      {{"**/a/secret"}, "x/a", "x/b", false},
      {{"**/a/secret"}, "x/a", "y/a", true},
      {{"x"}, "x", "y", false},                // hidden and visible
      {{"x"}, "x/y", "z/y", false},            // hidden by a parent: the states alone are equal
      {{"x", "y"}, "x", "y", true},            // both hidden, and so is all below
      {{"/x", "/y", "/x/q"}, "x", "y", true},  // the same, though the states differ
      {{"/x", "/y/z"}, "x", "y/z", true},
      {{"a/", "!b"}, "b", "c", true},  // matched to be shown, which says nothing of below
      {{"secret"}, "a/", "a", false},  // malformed
      {{"secret"}, "a", "../a", false},
      {{}, "..", "..", false},
  };
  for (const auto& c : cases) {
    const Rules rules = must_compile(c.patterns);
    Matcher matcher(rules, 0);
    EXPECT_EQ(matcher.same_below(c.a, c.b), c.same) << test::text_of(test::hiding(c.patterns)) << c.a << " " << c.b;
    EXPECT_EQ(matcher.same_below(c.b, c.a), c.same) << test::text_of(test::hiding(c.patterns)) << c.b << " " << c.a;
  }
}

Rule with(Effect effect, uint64_t value = 0) { return {effect, false, value}; }

TEST(SameBelow, OfOtherEffects) {
  const struct {
    WrittenRules rules;
    std::string_view a;
    std::string_view b;
    bool same;
  } cases[] = {
      // What holds for a directory holds below it: other than for one where nothing does.
      {{{"/a", with(Effect::kReadOnly)}}, "a", "b", false},
      {{{"/a", with(Effect::kReadOnly)}}, "a", "a/b", true},
      {{{"/a", with(Effect::kOwner, 7)}}, "a/x", "b/x", false},
      {{{"/a", with(Effect::kOwner, 7)}}, "x", "b/x", true},
      // The same effect by another rule: the numbers differ, and that is enough.
      {{{"/a", with(Effect::kReadOnly)}, {"/b", with(Effect::kReadOnly)}}, "a", "b", false},
      {{{"x", with(Effect::kReadOnly)}}, "x", "b/x", true},
      // Below what is denied or masked nothing else is looked at.
      {{{"x", with(Effect::kDeny, 1)}, {"/x/y", with(Effect::kOwner, 1)}}, "x", "b/x", true},
      {{{"x", with(Effect::kMask)}, {"/x/y"}}, "x", "b/x", true},
      {{{"x", with(Effect::kReadOnly)}, {"/x/y"}}, "x", "b/x", false},
      {{{"x", with(Effect::kDeny, 1)}}, "x", "x/y", true},
      // The one hides, the other denies.
      {{{"/a"}, {"/b", with(Effect::kDeny, 1)}}, "a", "b", false},
      // Directories only.
      {{{"a/", with(Effect::kNoExecute)}}, "a", "b", false},
      {{{"/a/*/", with(Effect::kNoExecute)}}, "a", "b", false},
  };
  for (const auto& c : cases) {
    const Rules rules = must_compile(c.rules);
    Matcher matcher(rules, 0);
    EXPECT_EQ(matcher.same_below(c.a, c.b), c.same) << test::text_of(c.rules) << c.a << " " << c.b;
    EXPECT_EQ(matcher.same_below(c.b, c.a), c.same) << test::text_of(c.rules) << c.b << " " << c.a;
  }
}

// All that can be below a directory, up to three levels of a few names.
Patterns universe() {
  Patterns suffixes;
  const std::string names[] = {"a", "b", "ab", "c", "!a"};
  for (const std::string& x : names) {
    suffixes.push_back("/" + x);
    for (const std::string& y : names) {
      suffixes.push_back("/" + x + "/" + y);
      for (const std::string& z : names) suffixes.push_back("/" + x + "/" + y + "/" + z);
    }
  }
  return suffixes;
}

// What is hidden is not there, whichever rule hides it.
bool equal(const Rules& rules, const Decision& a, const Decision& b) {
  if (rules.hides(a) || rules.hides(b)) return rules.hides(a) && rules.hides(b);
  return a.terms == b.terms;
}

void never_wrongly_true(bool all_effects, unsigned seed, size_t least_said) {
  const Patterns suffixes = universe();
  test::RandomRules random(seed);
  size_t said_same = 0;
  size_t were_same = 0;
  size_t differed = 0;
  for (size_t round = 0; round < test::part_of(5000); ++round) {
    const WrittenRules written = all_effects ? random.rules() : random.hiding();
    const Rules rules = must_compile(written);
    Matcher matcher(rules, 0);
    const std::string a = random.path(3);
    const std::string b = random.path(3);
    if (a == b) {
      EXPECT_TRUE(matcher.same_below(a, b));
      continue;
    }
    bool same = true;
    for (const std::string& suffix : suffixes) {
      for (const bool directory : {false, true}) {
        same = same && equal(rules, matcher.decide(a + suffix).of(directory),
                             matcher.decide(b + suffix).of(directory));
      }
    }
    const bool said = matcher.same_below(a, b);
    ASSERT_TRUE(same || !said) << test::text_of(written) << a << " " << b;
    differed += !same;
    said_same += said;
    were_same += same;
  }
  EXPECT_GT(said_same, test::part_of(least_said));
  EXPECT_GT(differed, test::part_of(1000));
  // It is allowed to be wrongly false, but not so often that it would be of no use.
  EXPECT_GT(said_same, were_same * 6 / 10);
}

TEST(SameBelow, IsNeverWronglyTrue) { never_wrongly_true(false, 2, 500); }
TEST(SameBelow, IsNeverWronglyTrueOfAnyEffect) { never_wrongly_true(true, 3, 500); }

}  // namespace
}  // namespace sluice::core
