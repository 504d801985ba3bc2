#include "core/rules.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <new>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Counts allocations, for the promise that verdicts make none. One definition per test program.
// noinline: inlined, gcc would see malloc's memory given to delete and warn of a mismatch.
namespace {
thread_local size_t allocations = 0;
}
[[gnu::noinline]] void* operator new(size_t size) {
  ++allocations;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}
[[gnu::noinline]] void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return operator new(size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}

namespace sluice::core {
namespace {

using std::string_view_literals::operator""sv;
using Patterns = std::vector<std::string>;

std::variant<Rules, RuleError> compile(const Patterns& patterns) {
  const std::vector<std::string_view> views(patterns.begin(), patterns.end());
  return Rules::compile(views);
}

Rules must_compile(const Patterns& patterns) {
  auto compiled = compile(patterns);
  if (const auto* error = std::get_if<RuleError>(&compiled)) {
    ADD_FAILURE() << patterns[error->pattern] << ": " << error->error.what;
    return Rules();
  }
  return std::get<Rules>(std::move(compiled));
}

std::string join(const Patterns& patterns) {
  std::string all;
  for (const std::string& pattern : patterns) all += "{" + pattern + "} ";
  return all;
}

// ---- Tables ------------------------------------------------------------------------------------

enum What { kFile, kDirectory };

struct Case {
  Patterns patterns;
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
    EXPECT_EQ(rules.hides(c.path, c.what == kDirectory), c.hidden)
        << join(c.patterns) << "on " << c.path;
  }
}

TEST(Rules, NamesTheDecidingRule) {
  const Rules rules = must_compile({"*.c", "/a", "!k.c", "!a/b", "z/"});
  using Index = std::optional<size_t>;
  EXPECT_EQ(rules.deciding_rule("x.c", false), Index(0));
  EXPECT_EQ(rules.deciding_rule("k.c", false), Index(2));
  EXPECT_EQ(rules.deciding_rule("a/b", false), Index(1));    // its directory
  EXPECT_EQ(rules.deciding_rule("x.c/y", false), Index(0));  // a rule that hid an ancestor
  EXPECT_EQ(rules.deciding_rule("k.c/y", false), Index());   // one that showed it decides nothing
  EXPECT_EQ(rules.deciding_rule("z", true), Index(4));
  EXPECT_EQ(rules.deciding_rule("z", false), Index());
  EXPECT_EQ(rules.deciding_rule("", true), Index());
  EXPECT_EQ(rules.deciding_rule("a//b", true), Index());
  EXPECT_EQ(rules.pattern(2), "!k.c");
}

TEST(Rules, JudgesANameInAVisibleDirectory) {
  const Rules rules = must_compile({"secret", "/a/b/c", "*.d/", "!a/keep.d", "x/**"});
  EXPECT_TRUE(rules.hides_name("", "secret", false));
  EXPECT_TRUE(rules.hides_name("a/b", "secret", false));
  EXPECT_TRUE(rules.hides_name("a/b", "c", false));
  EXPECT_FALSE(rules.hides_name("a", "c", false));
  EXPECT_TRUE(rules.hides_name("a", "x.d", true));
  EXPECT_FALSE(rules.hides_name("a", "x.d", false));
  EXPECT_FALSE(rules.hides_name("a", "keep.d", true));
  EXPECT_TRUE(rules.hides_name("x", "y", false));
  EXPECT_FALSE(rules.hides_name("", "x", true));
  for (const auto& [parent, name] :
       std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                        {"", "."},
                                                        {"", ".."},
                                                        {"", "a/b"},
                                                        {"/", "a"},
                                                        {"a/", "b"},
                                                        {"..", "a"},
                                                        {"a", std::string(256, 'n')}}) {
    EXPECT_TRUE(rules.hides_name(parent, name, false)) << parent << " " << name;
  }
  std::string longest;  // the joined path is one byte too long
  while (longest.size() < 4093) longest += "a/";
  longest.pop_back();
  ASSERT_EQ(longest.size(), 4093u);
  EXPECT_FALSE(Rules().hides_name(longest, "n", false));
  EXPECT_FALSE(Rules().hides(longest + "/n", false));
  EXPECT_TRUE(Rules().hides_name(longest, "nn", false));
  EXPECT_TRUE(Rules().hides(longest + "/nn", false));
}

// ---- Refusals ----------------------------------------------------------------------------------

TEST(Rules, RefusesWhatCanOnlyBeAMistake) {
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
    const auto compiled = compile({"fine", std::string(c.pattern), "fine"});
    const auto* error = std::get_if<RuleError>(&compiled);
    ASSERT_NE(error, nullptr) << c.pattern;
    EXPECT_EQ(error->pattern, 1u);
    EXPECT_EQ(error->error.offset, c.offset) << c.pattern;
    EXPECT_NE(error->error.what.find(c.what), std::string_view::npos)
        << c.pattern << ": " << error->error.what;
    EXPECT_EQ(error->error.reason, Reason::kRuleSyntax);
  }
}

std::string repeated(std::string_view piece, size_t times) {
  std::string all;
  while (times-- > 0) all += piece;
  return all;
}

TEST(Rules, Limits) {
  const auto limited = [](const Patterns& patterns, size_t index) {
    const auto compiled = compile(patterns);
    const auto* error = std::get_if<RuleError>(&compiled);
    return error != nullptr && error->error.reason == Reason::kLimitRules &&
           error->pattern == index;
  };
  EXPECT_EQ(must_compile(Patterns(1024, "a")).size(), 1024u);
  EXPECT_TRUE(limited(Patterns(1025, "a"), 1024));
  EXPECT_EQ(must_compile({std::string(4095, 'a')}).size(), 1u);
  EXPECT_TRUE(limited({"a", std::string(4096, 'a')}, 1));
  // 2 bytes for the count, then 16 patterns of 2 + 4,093 bytes, leave 14 bytes of 65,536.
  Patterns patterns(16, std::string(4093, 'a'));
  EXPECT_EQ(must_compile(patterns).encode().size(), 2u + 16 * 4095);
  patterns.push_back(std::string(12, 'a'));
  EXPECT_EQ(must_compile(patterns).encode().size(), kMaxRulesBytes);
  patterns.back() += 'a';
  EXPECT_TRUE(limited(patterns, 16));
}

TEST(Rules, SegmentsFillTheStatesExactly) {
  for (const std::string start : {"a/", "/a/", "**/"}) {
    const std::string longest = start + repeated("a/", 60);
    EXPECT_EQ(must_compile({longest + "a"}).size(), 1u);
    const auto compiled = compile({longest + "a/a"});
    ASSERT_TRUE(std::holds_alternative<RuleError>(compiled));
    EXPECT_EQ(std::get<RuleError>(compiled).error.reason, Reason::kLimitRules);
  }
  const std::string directory = repeated("a/", 60) + "a";  // 61 components
  const Rules plain = must_compile({directory + "/b/"});
  EXPECT_TRUE(plain.hides(directory + "/b", true));
  EXPECT_FALSE(plain.hides(directory + "/b", false));
  EXPECT_FALSE(plain.hides(directory, true));
  const Rules inside = must_compile({directory + "/**"});  // 62 components, 63 segments, 64 states
  EXPECT_TRUE(inside.hides(directory + "/b", false));
  EXPECT_TRUE(inside.hides_name(directory, "b", false));
  EXPECT_FALSE(inside.hides(directory, true));
  EXPECT_FALSE(inside.hides("b/" + directory, true));
  std::string alternating;
  for (int i = 0; i < 30; ++i) alternating += "**/a/";
  const Rules many = must_compile({alternating + "**/**"});
  EXPECT_TRUE(many.hides(repeated("b/a/", 30) + "c", false));
  EXPECT_FALSE(many.hides(repeated("b/a/", 29) + "b/a", false));
}

// ---- The slow reference ------------------------------------------------------------------------

// One byte set or literal at a time; the patterns here are well-formed and use [x], [x-y], [!x].
bool slow_glob(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*') {
    return slow_glob(pattern.substr(1), name) ||
           (!name.empty() && slow_glob(pattern, name.substr(1)));
  }
  if (name.empty()) return false;
  if (pattern[0] == '?') return slow_glob(pattern.substr(1), name.substr(1));
  if (pattern[0] == '\\') {
    return pattern[1] == name[0] && slow_glob(pattern.substr(2), name.substr(1));
  }
  if (pattern[0] == '[') {
    std::string_view inside = pattern.substr(1, pattern.find(']') - 1);
    const std::string_view rest = pattern.substr(pattern.find(']') + 1);
    const bool negated = inside[0] == '!';
    if (negated) inside.remove_prefix(1);
    const bool in = inside.size() == 3 && inside[1] == '-'
                        ? inside[0] <= name[0] && name[0] <= inside[2]
                        : inside.find(name[0]) != std::string_view::npos;
    return in != negated && slow_glob(rest, name.substr(1));
  }
  return pattern[0] == name[0] && slow_glob(pattern.substr(1), name.substr(1));
}

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> parts(1);
  for (const char c : path) {
    if (c == '/') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

bool slow_path(const std::vector<std::string>& segments, size_t s,
               const std::vector<std::string>& names, size_t n) {
  if (s == segments.size()) return n == names.size();
  const bool any_depth =
      segments[s].size() >= 2 && segments[s].find_first_not_of('*') == std::string::npos;
  if (any_depth && s + 1 == segments.size()) return n < names.size();
  if (any_depth) {
    return slow_path(segments, s + 1, names, n) ||
           (n < names.size() && slow_path(segments, s, names, n + 1));
  }
  return n < names.size() && slow_glob(segments[s], names[n]) &&
         slow_path(segments, s + 1, names, n + 1);
}

bool slow_rule_matches(std::string pattern, const std::vector<std::string>& names, bool directory) {
  if (pattern[0] == '!') pattern.erase(0, 1);
  if (pattern.back() == '/') {
    if (!directory) return false;
    pattern.pop_back();
  }
  if (pattern.find('/') == std::string::npos) return slow_glob(pattern, names.back());
  if (pattern[0] == '/') pattern.erase(0, 1);
  return slow_path(split(pattern), 0, names, 0);
}

// The rule that decides, judging each leading directory first; -1 for none.
int slow_decide(const Patterns& patterns, const std::vector<std::string>& names, bool directory) {
  if (names.size() > 1) {
    const int above = slow_decide(patterns, {names.begin(), names.end() - 1}, true);
    if (above >= 0 && patterns[static_cast<size_t>(above)][0] != '!') return above;
  }
  for (size_t i = patterns.size(); i-- > 0;) {
    if (slow_rule_matches(patterns[i], names, directory)) return static_cast<int>(i);
  }
  return -1;
}

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  size_t below(size_t n) { return static_cast<size_t>(random_() % n); }

  std::string segment() {
    static constexpr std::string_view kPieces[] = {
        "a", "b", "a", "b", "ab", "*", "*", "?", "[ab]", "[!a]", "[a-b]", "**", "\\a", "\\!", "c"};
    if (below(5) == 0) return "**";
    std::string all;
    for (size_t n = 1 + below(2) * below(3); n-- > 0;) all += kPieces[below(std::size(kPieces))];
    return all;
  }

  Patterns patterns() {
    Patterns all;
    for (size_t n = 1 + below(4); n-- > 0;) {
      std::string pattern(below(3) == 0 ? "!" : "");
      if (below(4) == 0) pattern += '/';
      pattern += segment();
      for (size_t more = below(4); more-- > 0;) pattern += "/" + segment();
      if (below(5) == 0) pattern += '/';
      all.push_back(pattern);
    }
    return all;
  }

  std::string path(size_t longest) {
    static constexpr std::string_view kNames[] = {"a", "b", "ab", "ba", "c", "!", "aab"};
    std::string all(kNames[below(std::size(kNames))]);
    for (size_t n = below(longest); n-- > 0;)
      all.append("/").append(kNames[below(std::size(kNames))]);
    return all;
  }

 private:
  std::mt19937 random_;
};

TEST(Rules, AgreeWithTheSlowReference) {
  Generator make(1);
  size_t hidden = 0;
  size_t shown_again = 0;
  size_t names_judged = 0;
  constexpr size_t kSets = 25000;
  constexpr size_t kPaths = 12;
  for (size_t round = 0; round < kSets; ++round) {
    const Patterns patterns = make.patterns();
    const Rules rules = must_compile(patterns);
    for (size_t k = 0; k < kPaths; ++k) {
      const std::string path = make.path(5);
      const bool directory = make.below(2) == 0;
      const int decided = slow_decide(patterns, split(path), directory);
      const bool hides = decided >= 0 && patterns[static_cast<size_t>(decided)][0] != '!';
      const auto rule = rules.deciding_rule(path, directory);
      ASSERT_EQ(rule ? static_cast<int>(*rule) : -1, decided) << join(patterns) << "on " << path;
      ASSERT_EQ(rules.hides(path, directory), hides) << join(patterns) << "on " << path;
      hidden += hides;
      shown_again += decided >= 0 && !hides;

      const size_t slash = path.rfind('/');
      const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
      if (rules.hides(parent, true)) continue;
      ++names_judged;
      const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
      ASSERT_EQ(rules.hides_name(parent, name, directory), hides)
          << join(patterns) << "on " << path;
    }
  }
  // The cases are worth something only if no verdict is rare.
  EXPECT_GT(hidden, kSets * kPaths / 10);
  EXPECT_LT(hidden, kSets * kPaths * 9 / 10);
  EXPECT_GT(shown_again, kSets * kPaths / 30);
  EXPECT_GT(names_judged, kSets * kPaths / 4);
}

// ---- same_below --------------------------------------------------------------------------------

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
    EXPECT_EQ(rules.same_below(c.a, c.b), c.same) << join(c.patterns) << c.a << " " << c.b;
    EXPECT_EQ(rules.same_below(c.b, c.a), c.same) << join(c.patterns) << c.b << " " << c.a;
  }
}

TEST(SameBelow, IsNeverWronglyTrue) {
  std::vector<std::string> suffixes;
  const std::string names[] = {"a", "b", "ab", "c", "!a"};
  for (const std::string& x : names) {
    suffixes.push_back("/" + x);
    for (const std::string& y : names) {
      suffixes.push_back("/" + x + "/" + y);
      for (const std::string& z : names) suffixes.push_back("/" + x + "/" + y + "/" + z);
    }
  }
  Generator make(2);
  size_t said_same = 0;
  size_t were_same = 0;
  size_t differed = 0;
  for (int round = 0; round < 10000; ++round) {
    const Patterns patterns = make.patterns();
    const Rules rules = must_compile(patterns);
    const std::string a = make.path(3);
    const std::string b = make.path(3);
    if (a == b) {
      EXPECT_TRUE(rules.same_below(a, b));
      continue;
    }
    bool same = rules.hides(a, true) == rules.hides(b, true);
    const bool both_hidden = same && rules.hides(a, true);
    for (const std::string& suffix : suffixes) {
      for (const bool directory : {false, true}) {
        same = same && rules.hides(a + suffix, directory) == rules.hides(b + suffix, directory);
      }
    }
    const bool said = rules.same_below(a, b);
    ASSERT_TRUE(same || !said) << join(patterns) << a << " " << b;
    differed += !same;
    if (both_hidden) continue;
    said_same += said;
    were_same += same;
  }
  // It is allowed to be wrongly false, but not so often that it would be of no use.
  EXPECT_GT(said_same, were_same * 6 / 10);
  EXPECT_GT(said_same, 1000u);
  EXPECT_GT(differed, 1000u);
  RecordProperty("said_same", static_cast<int>(said_same));
  RecordProperty("were_same", static_cast<int>(were_same));
}

// ---- The wire ----------------------------------------------------------------------------------

using Bytes = std::vector<uint8_t>;

Bytes bytes(std::string_view text) { return {text.begin(), text.end()}; }

TEST(Encoding, IsThePatternsBehindTheirLengths) {
  EXPECT_EQ(Rules().encode(), bytes("\0\0"sv));
  EXPECT_EQ(must_compile({"a", "!b/c"}).encode(), bytes("\2\0\1\0a\4\0!b/c"sv));
}

TEST(Encoding, ComesBackTheSame) {
  Generator make(3);
  for (int round = 0; round < 5000; ++round) {
    const Rules rules = must_compile(make.patterns());
    const auto decoded = Rules::decode(rules.encode());
    ASSERT_TRUE(decoded.ok());
    ASSERT_EQ(*decoded, rules);
  }
}

TEST(Encoding, RefusesWithTheRightFailure) {
  const auto error_of = [](const Bytes& encoded) {
    const auto decoded = Rules::decode(encoded);
    if (decoded.ok()) return 0;
    EXPECT_EQ(decoded.failure().reason,
              decoded.failure().error == E2BIG ? Reason::kLimitRules : Reason::kRuleSyntax);
    return decoded.failure().error;
  };
  EXPECT_EQ(error_of({}), EINVAL);
  EXPECT_EQ(error_of(bytes("\0"sv)), EINVAL);
  EXPECT_EQ(error_of(bytes("\0\0"sv)), 0);
  EXPECT_EQ(error_of(bytes("\0\0x"sv)), EINVAL);      // something behind
  EXPECT_EQ(error_of(bytes("\1\0"sv)), EINVAL);       // no length
  EXPECT_EQ(error_of(bytes("\1\0\1"sv)), EINVAL);     // half a length
  EXPECT_EQ(error_of(bytes("\1\0\2\0a"sv)), EINVAL);  // too short
  EXPECT_EQ(error_of(bytes("\1\0\xff\xff"
                           "a"sv)),
            EINVAL);
  EXPECT_EQ(error_of(bytes("\1\0\1\0a"sv)), 0);
  EXPECT_EQ(error_of(bytes("\1\0\1\0ab"sv)), EINVAL);
  EXPECT_EQ(error_of(bytes("\2\0\1\0a"sv)), EINVAL);
  EXPECT_EQ(error_of(bytes("\1\0\0\0"sv)), EINVAL);  // a blank pattern
  EXPECT_EQ(error_of(bytes("\1\0\1\0["sv)), EINVAL);
  EXPECT_EQ(error_of(bytes("\1\0\1\0\0"sv)), EINVAL);  // NUL
  EXPECT_EQ(error_of(bytes("\1\4"sv)), E2BIG);         // 1,025 rules
  EXPECT_EQ(error_of(bytes("\xff\xff"sv)), E2BIG);
  EXPECT_EQ(error_of(Bytes(kMaxRulesBytes + 1)), E2BIG);
  Bytes long_pattern = bytes("\1\0\0\x10"sv);  // 4,096 bytes
  long_pattern.resize(4 + 4096, 'a');
  EXPECT_EQ(error_of(long_pattern), E2BIG);
  long_pattern.pop_back();
  long_pattern[2] = 0xff;
  long_pattern[3] = 0x0f;
  EXPECT_EQ(error_of(long_pattern), 0);
  Bytes deep = bytes("\1\0\x7f\0"sv);  // 64 components
  for (int i = 0; i < 127; ++i) deep.push_back(i % 2 == 0 ? 'a' : '/');
  EXPECT_EQ(error_of(deep), E2BIG);
}

TEST(Encoding, SurvivesMutation) {
  Generator make(4);
  size_t accepted = 0;
  for (int round = 0; round < 100000; ++round) {
    Bytes encoded = must_compile(make.patterns()).encode();
    for (size_t n = 1 + make.below(3); n-- > 0 && !encoded.empty();) {
      const auto at = encoded.begin() + static_cast<std::ptrdiff_t>(make.below(encoded.size()));
      static constexpr std::string_view kLikely = "[]!^-\\/*?#. :ab\0\1\2\4"sv;
      const auto byte = make.below(4) == 0
                            ? static_cast<uint8_t>(make.below(256))
                            : static_cast<uint8_t>(kLikely[make.below(kLikely.size())]);
      switch (make.below(8)) {
        case 0:
          encoded.erase(at);
          break;
        case 1:
          encoded.insert(at, byte);
          break;
        case 2:
          encoded.resize(make.below(encoded.size()));
          break;
        case 3:
          encoded.insert(encoded.end(), encoded.begin(), at);
          break;
        default:
          *at = byte;
      }
    }
    // A block of its exact size, so that a sanitizer sees a read beyond it.
    const Bytes exact(encoded);
    const auto decoded = Rules::decode(exact);
    if (!decoded.ok()) continue;
    ++accepted;
    ASSERT_EQ(decoded->encode(), exact);
    const std::string path = make.path(5);
    const bool hidden = decoded->hides(path, true);
    const auto rule = decoded->deciding_rule(path, true);
    ASSERT_EQ(hidden, rule && decoded->pattern(*rule)[0] != '!');
    (void)decoded->hides_name(path, "a", false);
    (void)decoded->same_below(path, "a/b");
  }
  EXPECT_GT(accepted, 5000u);
}

// ---- Promises ----------------------------------------------------------------------------------

TEST(Promises, VerdictsDoNotAllocate) {
  Generator make(5);
  Patterns patterns;
  while (patterns.size() < 200) {
    for (const std::string& pattern : make.patterns()) patterns.push_back(pattern);
  }
  const Rules rules = must_compile(patterns);
  const std::string path = make.path(8);
  size_t before = allocations;
  (void)rules.hides(path, false);
  (void)rules.hides("a//", false);
  (void)rules.hides_name(path, "a", true);
  (void)rules.deciding_rule(path, true);
  (void)rules.same_below(path, "c/c/c");
  EXPECT_EQ(allocations, before);
  before = allocations;
  (void)rules.encode();
  EXPECT_GT(allocations, before);  // the counter does count
}

static_assert(noexcept(std::declval<const Rules&>().hides("", false)));
static_assert(noexcept(std::declval<const Rules&>().hides_name("", "", false)));
static_assert(noexcept(std::declval<const Rules&>().deciding_rule("", false)));
static_assert(noexcept(std::declval<const Rules&>().same_below("", "")));

TEST(Promises, PathologicalRulesAreFast) {
  // Ordinary hostility: nested stars in every segment, at every depth.
  Patterns patterns = {"a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", "**/**/**/**/**/**/**/**/**/x",
                       "**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/b",
                       repeated("**/*a*a*b/", 30) + "x", repeated("*/", 61) + "b"};
  const Rules rules = must_compile(patterns);
  const std::string deep = repeated("a/", 2047) + "a";
  const std::string wide = repeated(std::string(255, 'a') + "/", 15) + std::string(255, 'a');
  ASSERT_EQ(deep.size(), 4095u);
  ASSERT_EQ(wide.size(), 4095u);
  auto start = std::chrono::steady_clock::now();
  for (const std::string& path : {deep, wide}) {
    EXPECT_FALSE(rules.hides(path, false));
    EXPECT_FALSE(rules.hides_name(path.substr(0, 4000 / 256 * 256 - 1), "c", false));
    EXPECT_TRUE(rules.same_below(path, path));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));

  // A last part that nearly fits, everywhere, in every rule; filling an eighth of the 64 KiB.
  const Patterns worst[] = {
      Patterns(500 / 8, "*" + repeated("a", 127) + "b"),
      Patterns(16 / 8, "*[!" + repeated("[:alpha:]", 450) + "]b"),
      Patterns(16 / 8, "*[" + repeated("z", 4080) + "]b"),
      Patterns(1024 / 8, "**/" + repeated("*a", 28) + "b"),
      Patterns(1024 / 8, "**/*/**/*/**/*/**/*/**/*/**/*/**/*/**/*/**/*/**/*/**/*/b"),
  };
  start = std::chrono::steady_clock::now();
  for (const Patterns& set : worst) {
    const Rules slow = must_compile(set);
    EXPECT_FALSE(slow.hides(wide, false));
    EXPECT_FALSE(slow.hides(deep, false));
  }
  const auto took = std::chrono::steady_clock::now() - start;
  RecordProperty("worst_ms", static_cast<int>(took / std::chrono::milliseconds(1)));
  EXPECT_LT(took, std::chrono::seconds(20));  // 0.6 s; the rest is for sanitizers
}

}  // namespace
}  // namespace sluice::core
