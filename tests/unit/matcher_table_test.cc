// What patterns mean, as a table.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/matcher.h"
#include "core/path.h"
#include "tests/unit/reference_rules.h"

namespace sluice::core {
namespace {

using std::string_view_literals::operator""sv;
using test::must_compile;

enum What { kFile, kDirectory };

struct Case {
  std::vector<std::string> patterns;
  std::string_view path;
  What what;
  bool hidden;
};

TEST(Rules, Table) {
  const Case cases[] = {
      // No rules, and the root.
      {{}, "a", kFile, false},
      {{}, "", kDirectory, false},
      {{"*"}, "", kDirectory, false},
      {{"**"}, "", kDirectory, false},
      {{"/**"}, "", kDirectory, false},
      // A name at every depth.
      {{"a"}, "a", kFile, true},
      {{"a"}, "a", kDirectory, true},
      {{"a"}, "b", kFile, false},
      {{"a"}, "x/a", kFile, true},
      {{"a"}, "x/y/a", kFile, true},
      {{"a"}, "a/x", kFile, true},
      {{"a"}, "x/a/y/z", kFile, true},
      {{"a"}, "aa", kFile, false},
      {{"*.key"}, "x/.key", kFile, true},
      {{"*.key"}, "x/a.key", kFile, true},
      {{"*"}, "a", kFile, true},
      {{"?"}, "xy/ab", kFile, false},
      {{"?"}, "xy/a", kFile, true},
      // Anchored: a '/' at the start or in the middle.
      {{"/a"}, "a", kFile, true},
      {{"/a"}, "x/a", kFile, false},
      {{"/a"}, "a/x", kFile, true},
      {{"a/b"}, "a/b", kFile, true},
      {{"a/b"}, "x/a/b", kFile, false},
      {{"a/b"}, "a", kDirectory, false},
      {{"/a/b"}, "a/b", kFile, true},
      {{"a/*"}, "a/b", kFile, true},
      {{"a/*"}, "a", kDirectory, false},
      {{"a/*"}, "a/b/c", kFile, true},  // by way of a/b
      {{"a/*/c"}, "a/b/c", kFile, true},
      {{"a/*/c"}, "a/c", kFile, false},
      {{"a/*/c"}, "a/b/b/c", kFile, false},
      {{"/*"}, "a", kFile, true},
      {{"a*b/c"}, "axb/c", kFile, true},
      {{"a*b/c"}, "a/b/c", kFile, false},  // a star does not cross '/'
      // Directories only.
      {{"a/"}, "a", kDirectory, true},
      {{"a/"}, "a", kFile, false},
      {{"a/"}, "a/x", kFile, true},
      {{"a/"}, "x/a", kDirectory, true},  // the slash at the end does not anchor
      {{"a/"}, "x/a", kFile, false},
      {{"/a/"}, "x/a", kDirectory, false},
      {{"a/b/"}, "a/b", kDirectory, true},
      {{"a/b/"}, "a/b", kFile, false},
      {{"a/b/"}, "a/b/c", kFile, true},
      // Leading **.
      {{"**/a"}, "a", kFile, true},
      {{"**/a"}, "x/y/a", kFile, true},
      {{"**/a/b"}, "a/b", kFile, true},
      {{"**/a/b"}, "x/a/b", kFile, true},
      {{"**/a/b"}, "a/x/b", kFile, false},
      {{"/**/a"}, "a", kFile, true},
      {{"/**/a"}, "x/a", kFile, true},
      // Trailing **.
      {{"a/**"}, "a", kDirectory, false},
      {{"a/**"}, "a", kFile, false},
      {{"a/**"}, "a/b", kFile, true},
      {{"a/**"}, "a/b/c", kFile, true},
      {{"a/**"}, "x/a/b", kFile, false},
      {{"a/**/"}, "a/b", kFile, false},
      {{"a/**/"}, "a/b", kDirectory, true},
      {{"a/**/"}, "a", kDirectory, false},
      {{"a/**/**"}, "a", kDirectory, false},
      {{"a/**/**"}, "a/b", kFile, true},
      {{"**/a/**"}, "x/a", kDirectory, false},
      {{"**/a/**"}, "x/a/y", kFile, true},
      {{"**"}, "a", kFile, true},
      {{"/**"}, "a", kFile, true},
      {{"**/"}, "a", kFile, false},
      {{"**/"}, "a", kDirectory, true},
      {{"**/**"}, "a", kFile, true},
      // ** in the middle.
      {{"a/**/b"}, "a/b", kFile, true},
      {{"a/**/b"}, "a/x/b", kFile, true},
      {{"a/**/b"}, "a/x/y/b", kFile, true},
      {{"a/**/b"}, "ab", kFile, false},
      {{"a/**/b"}, "a", kDirectory, false},
      {{"a/**/b"}, "b", kFile, false},
      {{"a/**/**/b"}, "a/b", kFile, true},
      {{"a/**/*/b"}, "a/b", kFile, false},
      {{"a/**/*/b"}, "a/x/b", kFile, true},
      {{"a/***/b"}, "a/x/y/b", kFile, true},  // more stars are no more than two
      {{"**/a/**/b/**/c"}, "x/a/b/y/c", kFile, true},
      {{"**/a/**/b/**/c"}, "x/a/c/y/b", kFile, false},
      // Other ** are *.
      {{"a**"}, "abc", kFile, true},
      {{"a**/c"}, "ab/c", kFile, true},
      {{"a**/c"}, "ab/x/c", kFile, false},
      {{"a**/c"}, "ac", kFile, false},
      {{"x/**a"}, "x/y/a", kFile, false},
      {{"x/**a"}, "x/ba", kFile, true},
      // Order and negation: the last match decides.
      {{"*", "!a"}, "a", kFile, false},
      {{"*", "!a"}, "b", kFile, true},
      {{"!a", "*"}, "a", kFile, true},
      {{"*.c", "!a.c", "a.c"}, "a.c", kFile, true},
      {{"*.c", "!a.c"}, "x/a.c", kFile, false},
      {{"a", "!a/b"}, "a/b", kFile, true},  // nothing comes back below a hidden directory
      {{"a/*", "!a/b"}, "a/b", kFile, false},
      {{"a/*", "!a/b"}, "a/c", kFile, true},
      {{"a/*", "!a/b"}, "a/b/c", kFile, false},
      {{"a/**", "!a/b"}, "a/b", kFile, false},
      {{"a/**", "!a/b"}, "a/b/c", kFile, true},  // shown directory, but the rest is still inside
      {{"a/**", "!a/b/**"}, "a/b/c", kFile, true},
      {{"/*", "!/a/"}, "a", kDirectory, false},
      {{"/*", "!/a/"}, "a", kFile, true},
      {{"/*", "!/a/"}, "a/b", kFile, false},
      {{"!a"}, "a", kFile, false},
      {{"!!a"}, "!a", kFile, false},
      {{"*", "!!a"}, "!a", kFile, false},
      {{"*", "!#a"}, "#a", kFile, false},
      // Escapes.
      {{"\\!a"}, "!a", kFile, true},
      {{"\\!a"}, "a", kFile, false},
      {{"\\#a"}, "#a", kFile, true},
      {{"a#"}, "a#", kFile, true},
      {{"a!"}, "a!", kFile, true},
      {{"a\\ "}, "a ", kFile, true},
      {{"a\\ "}, "a", kFile, false},
      {{"a\\\\\\ "}, "a\\ ", kFile, true},
      {{" a"}, " a", kFile, true},
      {{"a b"}, "a b", kFile, true},
      {{"a /b"}, "a /b", kFile, true},
      {{"\\*"}, "*", kFile, true},
      {{"\\*"}, "a", kFile, false},
      {{"\\*\\*/a"}, "**/a", kFile, true},
      {{"\\*\\*/a"}, "x/a", kFile, false},
      // Sets.
      {{"[ab]/c"}, "b/c", kFile, true},
      {{"[!a]"}, "x/a", kFile, true},  // by way of x
      {{"/[!a]/b"}, "a/b", kFile, false},
      {{"x[[:digit:]].log"}, "d/x7.log", kFile, true},
      // A malformed path is always hidden.
      {{}, "/", kDirectory, true},
      {{}, "/a", kFile, true},
      {{}, "a/", kDirectory, true},
      {{}, "a//b", kFile, true},
      {{}, "..", kDirectory, true},
      {{}, "a/../b", kFile, true},
      {{"!*"}, ".", kDirectory, true},
      {{}, "a\0b"sv, kFile, true},
  };
  for (const Case& c : cases) {
    const Rules rules = must_compile(c.patterns);
    EXPECT_EQ(rules.size(), c.patterns.size());
    EXPECT_EQ(rules.empty(), c.patterns.empty());
    Matcher matcher(rules, 0);
    EXPECT_EQ(rules.hides(matcher.decide(c.path).of(c.what == kDirectory)), c.hidden)
        << test::text_of(test::hiding(c.patterns)) << "on " << c.path;
  }
}

TEST(Rules, NamesTheDecidingRule) {
  const Rules rules = must_compile({"*.c", "/a", "!k.c", "!a/b", "z/"});
  Matcher matcher(rules, 0);
  const auto sight = [&](std::string_view path, What what) {
    return matcher.decide(path).of(what == kDirectory).sight;
  };
  EXPECT_EQ(sight("x.c", kFile), 1);
  EXPECT_EQ(sight("k.c", kFile), 3);
  EXPECT_EQ(sight("a/b", kFile), 2);    // its directory
  EXPECT_EQ(sight("x.c/y", kFile), 1);  // a rule that hid a directory that leads to it
  EXPECT_EQ(sight("k.c/y", kFile), 0);  // one that showed it decides nothing
  EXPECT_EQ(sight("z", kDirectory), 5);
  EXPECT_EQ(sight("z", kFile), 0);
  EXPECT_EQ(sight("", kDirectory), 0);
  EXPECT_EQ(sight("a//b", kDirectory), kNoPath);
}

TEST(Rules, JudgesANameInAVisibleDirectory) {
  const Rules rules = must_compile({"secret", "/a/b/c", "*.d/", "!a/keep.d", "x/**"});
  Matcher matcher(rules, 0);
  const auto hides = [](Matcher& by, std::string_view parent, std::string_view name, What what) {
    return by.rules().hides(by.decide(parent, name).of(what == kDirectory));
  };
  EXPECT_TRUE(hides(matcher, "", "secret", kFile));
  EXPECT_TRUE(hides(matcher, "a/b", "secret", kFile));
  EXPECT_TRUE(hides(matcher, "a/b", "c", kFile));
  EXPECT_FALSE(hides(matcher, "a", "c", kFile));
  EXPECT_TRUE(hides(matcher, "a", "x.d", kDirectory));
  EXPECT_FALSE(hides(matcher, "a", "x.d", kFile));
  EXPECT_FALSE(hides(matcher, "a", "keep.d", kDirectory));
  EXPECT_TRUE(hides(matcher, "x", "y", kFile));
  EXPECT_FALSE(hides(matcher, "", "x", kDirectory));
  EXPECT_FALSE(hides(matcher, "a", "b/d", kFile));  // more than a name
  EXPECT_TRUE(hides(matcher, "a", "b/c", kFile));
  EXPECT_FALSE(hides(matcher, "", "", kDirectory));  // the root
  EXPECT_TRUE(hides(matcher, "a/x.d", "", kDirectory));
  for (const auto& [parent, name] :
       std::vector<std::pair<std::string, std::string>>{{"", "."},
                                                        {"", ".."},
                                                        {"/", "a"},
                                                        {"a/", "b"},
                                                        {"a", "/b"},
                                                        {"a", "b/"},
                                                        {"..", "a"},
                                                        {"a", std::string("b\0c", 3)},
                                                        {"a", std::string(256, 'n')}}) {
    EXPECT_TRUE(hides(matcher, parent, name, kFile)) << parent << " " << name;
  }
  std::string longest;  // the joined path is one byte too long
  while (longest.size() < kMaxPathBytes - 2) longest += "a/";
  longest.pop_back();
  ASSERT_EQ(longest.size(), kMaxPathBytes - 2);
  const Rules none;
  Matcher open(none, 0);
  EXPECT_FALSE(hides(open, longest, "n", kFile));
  EXPECT_FALSE(hides(open, "", longest + "/n", kFile));
  EXPECT_TRUE(hides(open, longest, "nn", kFile));
  EXPECT_TRUE(hides(open, "", longest + "/nn", kFile));
}

}  // namespace
}  // namespace sluice::core
