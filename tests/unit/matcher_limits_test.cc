// The matcher at its limits: its table of states overflows, its rules are hostile, it allocates nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/matcher.h"
#include "core/path.h"
#include "tests/unit/allocations.h"
#include "tests/unit/effort.h"
#include "tests/unit/random_rules.h"

namespace sluice::core {
namespace {

using test::must_compile;
using test::WrittenRules;
using Patterns = std::vector<std::string>;

std::string repeated(std::string_view piece, size_t times) {
  std::string all;
  while (times-- > 0) all += piece;
  return all;
}

// ---- More states than there is room for ----

// Whether the n-th byte from a name's end is an 'a': as many states as the last n bytes have forms.
std::string nth_from_the_end(size_t n) { return "*a" + std::string(n - 1, '?'); }

std::string random_bytes(std::mt19937& random, size_t length) {
  std::string all(length, 'a');
  for (char& c : all) c = random() % 2 == 0 ? 'a' : 'b';
  return all;
}

// A path of about half as many bytes as there may be, that leads to another state with nearly every one.
std::string long_path(std::mt19937& random) {
  std::string path = random_bytes(random, 255);
  while (path.size() + 256 <= 4095) path += "/" + random_bytes(random, 255);
  return path;
}

TEST(Overflow, VerdictsStayRight) {
  constexpr size_t kBack = 16;
  const Rules rules = must_compile(WrittenRules{{nth_from_the_end(kBack), {Effect::kReadOnly}}});
  Matcher matcher(rules, 0);
  std::mt19937 random(1);
  size_t found = 0;
  for (int round = 0; round < 500; ++round) {
    const std::string path = long_path(random);
    uint16_t right = 0;
    for (const std::string& name : test::split(path)) {
      if (name.size() >= kBack && name[name.size() - kBack] == 'a') right = 1;
    }
    ASSERT_EQ(matcher.decide(path).file.term(Term::kAccess), right);
    const std::string name = random_bytes(random, 20);
    const uint16_t of_name = name[name.size() - kBack] == 'a' ? 1 : 0;
    ASSERT_EQ(matcher.decide(name).file.term(Term::kAccess), of_name);
    found += of_name;
  }
  EXPECT_GT(found, 100u);
}

// The table was emptied on the way, and is full again at the path's end: at one of these lengths. The next
// path begins with a state of its own.
TEST(Overflow, AtTheStartOfAPath) {
  constexpr size_t kBack = 17;
  const Rules rules = must_compile(WrittenRules{{nth_from_the_end(kBack), {Effect::kReadOnly}}});
  std::mt19937 random(2);
  const std::string first = long_path(random).substr(0, 1600), second = long_path(random);
  for (size_t length = 2560; length < 2800; ++length) {
    if (length % 256 == 0) continue;  // it would end in a '/'
    Matcher matcher(rules, 0);
    (void)matcher.decide(first);
    (void)matcher.decide(second.substr(0, length));
    for (int round = 0; round < 10; ++round) {
      const std::string name = random_bytes(random, 255);
      ASSERT_EQ(matcher.decide(name).file.term(Term::kAccess), name[255 - kBack] == 'a' ? 1 : 0) << length;
    }
  }
}

// Whatever was forgotten while the one directory or the other was walked.
TEST(Overflow, SameBelowDoesNotLie) {
  const Rules rules = must_compile({"/" + nth_from_the_end(20) + "/secret"});
  Matcher matcher(rules, 0);
  std::mt19937 random(3);
  size_t same = 0;
  for (size_t round = 0; round < test::part_of(8000); ++round) {
    const std::string a = random_bytes(random, 200);
    const std::string b = random_bytes(random, 200);
    const bool in_a = a[180] == 'a', in_b = b[180] == 'a';
    const bool said = matcher.same_below(a, b);
    ASSERT_TRUE(!said || in_a == in_b);
    same += said;
    ASSERT_EQ(rules.hides(matcher.decide(a, "secret").file), in_a);
  }
  EXPECT_GT(same, test::part_of(2800));  // of 4,000
}

TEST(Overflow, SameBelowOfPathsThatMakeMoreStatesThanThereAre) {
  const Rules rules = must_compile({"**/" + nth_from_the_end(20) + "/secret"});
  Matcher matcher(rules, 0);
  std::mt19937 random(4);
  for (int round = 0; round < 200; ++round) {
    const std::string a = long_path(random), b = long_path(random);
    const bool in_a = a[a.size() - 20] == 'a', in_b = b[b.size() - 20] == 'a';
    ASSERT_TRUE(!matcher.same_below(a, b) || in_a == in_b);
  }
}

// A state of the one directory is forgotten while the other is walked, which then ends in one that got
// its number: at one of these lengths, a few bytes after the table was full.
TEST(Overflow, SameBelowOfAStateThatIsForgotten) {
  const Rules rules = must_compile({"**/" + nth_from_the_end(20) + "/secret"});
  std::mt19937 random(9);
  size_t hiding = 0;
  for (int path = 0; path < 6; ++path) {
    const std::string all = long_path(random);
    for (size_t length = 2040; length < 2300; ++length) {
      const std::string other = all.substr(0, length);
      if (length % 256 < 20 || other[length - 20] != 'a') continue;
      ++hiding;
      Matcher matcher(rules, 0);
      ASSERT_FALSE(matcher.same_below("bbb", other)) << length;
    }
  }
  EXPECT_GT(hiding, 500u);
}

// States of so many places that the pool is full before the table is.
TEST(Overflow, OfThePool) {
  const Rules rules = must_compile(std::vector<std::string>{
      repeated("*?", 254) + "x", repeated("*[ab]", 254) + "y", repeated("*[abc]", 254) + "z", nth_from_the_end(18)});
  Matcher matcher(rules, 0);
  std::mt19937 random(5);
  for (int round = 0; round < 60; ++round) {
    const std::string name = random_bytes(random, 255);
    ASSERT_EQ(rules.hides(matcher.decide(name).file), name[255 - 18] == 'a');
    ASSERT_EQ(matcher.decide(name.substr(0, 17)).file.sight, 0);
  }
}

// As in a fresh matcher, after all that was asked before.
TEST(Overflow, NothingIsLeftOfEarlierPaths) {
  test::RandomRules random(7);
  std::mt19937 bytes(8);
  for (int round = 0; round < 60; ++round) {
    WrittenRules written = random.rules(true);
    written.insert(written.begin(), {nth_from_the_end(16), {Effect::kOwner, false, 1}});
    const Rules rules = must_compile(written);
    Matcher matcher(rules, 0);
    for (int k = 0; k < 20; ++k) {
      (void)matcher.decide(long_path(bytes));
      const auto now = static_cast<int64_t>(random.below(20));
      (void)matcher.set_time(now);
      const std::string path = random.path(6);
      ASSERT_EQ(matcher.decide(path).file, test::reference_decide(written, path, false, now))
          << test::text_of(written) << path;
    }
  }
}

// ---- Promises ----

TEST(Promises, NothingAllocates) {
  test::RandomRules random(5);
  WrittenRules written;
  while (written.size() < 200) {
    for (const test::Written& each : random.rules(true)) written.push_back(each);
  }
  written.push_back({nth_from_the_end(16), {Effect::kReadOnly}});
  const Rules rules = must_compile(written);
  Matcher matcher(rules, 0);
  std::mt19937 bytes(6);
  const std::string deep = long_path(bytes);
  const std::string path = random.path(8);
  const size_t before = test::allocations();
  for (int64_t now = 0; now < 30; ++now) {
    (void)matcher.set_time(now);
    (void)matcher.decide(path);
    (void)matcher.decide(deep);
    (void)matcher.decide("a//");
    (void)matcher.decide(path, "a");
    (void)matcher.same_below(path, deep);
    (void)matcher.same_below(deep, "c/c/c");
  }
  EXPECT_EQ(test::allocations(), before);
  const std::string counted(1000, 'x');
  EXPECT_GT(test::allocations(), before);  // the counter does count
}

static_assert(noexcept(std::declval<Matcher&>().decide("")));
static_assert(noexcept(std::declval<Matcher&>().decide("", "")));
static_assert(noexcept(std::declval<Matcher&>().same_below("", "")));
static_assert(noexcept(std::declval<Matcher&>().set_time(0)));

TEST(Promises, HostileRulesAreFast) {
  const std::string deep = repeated("a/", 4095) + "a";
  const std::string wide = repeated(std::string(255, 'a') + "/", 31) + std::string(255, 'a');
  ASSERT_EQ(deep.size(), kMaxPathBytes);
  ASSERT_EQ(wide.size(), kMaxPathBytes);
  // Ordinary hostility: nested stars in every segment, at every depth; and a last part that nearly fits,
  // everywhere, in every rule.
  const Patterns worst[] = {
      {"a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", "**/**/**/**/**/**/**/**/**/x",
       "**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/b", repeated("**/*a*a*b/", 30) + "x",
       repeated("*/", 61) + "b"},
      Patterns(500, "*" + repeated("a", 127) + "b"),
      Patterns(16, "*[!" + repeated("[:alpha:]", 450) + "]b"),
      Patterns(16, "*[" + repeated("z", 4080) + "]b"),
      Patterns(1024, "**/" + repeated("*a", 28) + "b"),
      Patterns(1024, "**/*/**/*/**/*/**/*/**/*/**/*/**/*/**/*/**/*/**/*/**/*/b"),
  };
  const auto start = std::chrono::steady_clock::now();
  for (const Patterns& patterns : worst) {
    const Rules rules = must_compile(patterns);
    Matcher matcher(rules, 0);
    for (const std::string& path : {deep, wide}) {
      EXPECT_FALSE(rules.hides(matcher.decide(path).file));
      EXPECT_TRUE(matcher.same_below(path, path));
    }
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

}  // namespace
}  // namespace sluice::core
