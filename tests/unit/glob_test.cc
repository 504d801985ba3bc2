// The pattern of one name, by way of rules that have nothing else.
#include "core/glob.h"

#include <gtest/gtest.h>

#include <cctype>
#include <cstdint>
#include <ctime>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "core/matcher.h"
#include "core/path.h"
#include "tests/unit/effort.h"
#include "tests/unit/reference_rules.h"

namespace sluice::core {
namespace {

// Anchored, so that nothing at its start means anything but a glob.
std::string anchored(std::string_view pattern) { return "/" + std::string(pattern); }

std::optional<PatternError> error_in(std::string_view pattern) {
  std::vector<ByteSet> sets;
  Pattern apart;
  auto error = take_apart(anchored(pattern), sets, &apart);
  if (error) --error->offset;
  return error;
}

bool glob(std::string_view pattern, std::string_view name) {
  const Rules rules = test::must_compile({anchored(pattern)});
  return rules.hides(Matcher(rules, 0).decide(name).file);
}

struct Case {
  std::string_view pattern;
  std::string_view name;
  bool matches;
};

TEST(Glob, Table) {
  const Case cases[] = {
      // Literals.
      {"a", "a", true},
      {"a", "b", false},
      {"a", "ab", false},
      {"ab", "a", false},
      {"a", "A", false},
      {"!a", "!a", true},
      {"#a", "#a", true},
      {"]", "]", true},
      {"a]", "a]", true},
      {"-", "-", true},
      {"^", "^", true},
      // Stars.
      {"*", "abc", true},
      {"*", ".hidden", true},
      {"**", "abc", true},
      {"a*", "a", true},
      {"a*", "abc", true},
      {"a*", "ba", false},
      {"*a", "ba", true},
      {"*a", "ab", false},
      {"*a*", "bab", true},
      {"*a*b", "xaxbxb", true},
      {"*a*b", "xaxbxc", false},
      {"a*b*c", "abc", true},
      {"a*b*c", "abcbc", true},
      {"a*b*c", "ac", false},
      {"a**b", "ab", true},
      {"a**b", "axyb", true},
      {"*ab", "aab", true},
      {"*aab", "aaab", true},
      {"*.c", ".c", true},
      {"*[ab]c", "aabc", true},
      {"*?", "a", true},
      {"?*?", "a", false},
      {"?*?", "ab", true},
      // Question marks take one byte, not one character.
      {"?", "a", true},
      {"?", "ab", false},
      {"?", "\xc3\xa9", false},
      {"??", "\xc3\xa9", true},
      {"?", "*", true},
      // Escapes.
      {"\\*", "*", true},
      {"\\*", "a", false},
      {"\\?", "?", true},
      {"\\?", "a", false},
      {"\\[a]", "[a]", true},
      {"\\[a]", "a", false},
      {"\\\\", "\\", true},
      {"\\a", "a", true},
      {"\\a", "\\a", false},
      {"\\!", "!", true},
      {"\\#", "#", true},
      {"a\\ ", "a ", true},
      {"*\\*", "ab*", true},
      {"*\\*", "ab", false},
      // Sets.
      {"[ab]", "a", true},
      {"[ab]", "b", true},
      {"[ab]", "c", false},
      {"[ab]", "ab", false},
      {"[a-c]", "b", true},
      {"[a-c]", "d", false},
      {"[a-c]", "-", false},
      {"[a-cx-z]", "y", true},
      {"[a-cx-z]", "m", false},
      {"[!a]", "b", true},
      {"[!a]", "a", false},
      {"[^a]", "b", true},
      {"[^a]", "a", false},
      {"[a!]", "!", true},
      {"[a^]", "^", true},
      {"[!!]", "!", false},
      {"[!!]", "a", true},
      {"[!^]", "^", false},
      {"[]]", "]", true},
      {"[]]", "a", false},
      {"[]a]", "a", true},
      {"[!]]", "]", false},
      {"[!]]", "a", true},
      {"[]-a]", "^", true},
      {"[a-]", "-", true},
      {"[a-]", "a", true},
      {"[a-]", "b", false},
      {"[-a]", "-", true},
      {"[-a]", "b", false},
      {"[--.]", ".", true},
      {"[a-c-e]", "d", false},
      {"[a-c-e]", "-", true},
      {"[a-c-e]", "e", true},
      {"[\\]]", "]", true},
      {"[\\]]", "\\", false},
      {"[\\\\]", "\\", true},
      {"[\\a-c]", "b", true},
      {"[a-\\c]", "b", true},
      {"[a\\-c]", "b", false},
      {"[a\\-c]", "-", true},
      {"[*]", "*", true},
      {"[*]", "a", false},
      {"[?]", "?", true},
      {"[?]", "a", false},
      {"[[]", "[", true},
      {"[[a]", "[", true},
      {"[[a]", "a", true},
      {"[a[]", "[", true},
      {"[a][b]", "ab", true},
      {"[a]]", "a]", true},
      {"[\x80-\xff]", "\xc3", true},
      {"[\x01-\xff]", "a", true},
      {"[a-\xff]", "\x80", true},
      {"[!a]", "\xc3", true},
      // Classes.
      {"[[:alpha:]]", "a", true},
      {"[[:alpha:]]", "Z", true},
      {"[[:alpha:]]", "1", false},
      {"[[:alpha:]]", ":", false},
      {"[![:alpha:]]", "a", false},
      {"[^[:alpha:]]", "1", true},
      {"[[:digit:]_]", "_", true},
      {"[_[:digit:]]", "7", true},
      {"[[:digit:][:upper:]]", "Q", true},
      {"[[:digit:][:upper:]]", "q", false},
      {"[[:digit:]-z]", "-", true},
      {"[[:digit:]-z]", "a", false},
      {"[:alpha:]", "a", true},  // no class: a set of ':', 'a', 'l', 'p' and 'h'
      {"[:alpha:]", "b", false},
      {"[[:alpha:]]", "\xe9", false},
  };
  for (const Case& c : cases) {
    EXPECT_FALSE(error_in(c.pattern).has_value()) << c.pattern;
    EXPECT_EQ(glob(c.pattern, c.name), c.matches) << c.pattern << " on " << c.name;
  }
}

TEST(Glob, ClassesAreThoseOfTheCLocale) {
  const struct {
    std::string_view name;
    int (*contains)(int);
  } classes[] = {{"alnum", isalnum}, {"alpha", isalpha}, {"blank", isblank}, {"cntrl", iscntrl},
                 {"digit", isdigit}, {"graph", isgraph}, {"lower", islower}, {"print", isprint},
                 {"punct", ispunct}, {"space", isspace}, {"upper", isupper}, {"xdigit", isxdigit}};
  for (const auto& entry : classes) {
    const std::string pattern = "[[:" + std::string(entry.name) + ":]]";
    const Rules rules = test::must_compile({anchored(pattern)});
    Matcher matcher(rules, 0);
    for (int c = 1; c < 256; ++c) {
      if (c == '/' || c == '.') continue;  // no names
      const char byte = static_cast<char>(c);
      EXPECT_EQ(rules.hides(matcher.decide({&byte, 1}).file), entry.contains(c) != 0) << pattern << " " << c;
    }
    EXPECT_EQ(glob(pattern + "x", ".x"), entry.contains('.') != 0);
  }
}

TEST(Glob, MalformedPatternsAreRefusedWithTheirOffset) {
  const struct {
    std::string_view pattern;
    size_t offset;
    std::string_view what;
  } cases[] = {
      {"[", 0, "not closed"},
      {"a[", 1, "not closed"},
      {"ab[c", 2, "not closed"},
      {"[]", 0, "not closed"},
      {"[!]", 0, "not closed"},
      {"[^]", 0, "not closed"},
      {"[a-", 0, "not closed"},
      {"[\\]", 0, "not closed"},
      {"[a\\", 0, "not closed"},
      {"[a-\\", 0, "not closed"},
      {"[a][b", 3, "not closed"},
      {"\\", 0, "backslash"},
      {"a*\\", 2, "backslash"},
      {"\\\\\\", 2, "backslash"},
      {"[b-a]", 1, "reversed"},
      {"x[ab-a]", 3, "reversed"},
      {"[\xff-a]", 1, "reversed"},
      {"[[:foo:]]", 1, "no class"},
      {"[[:ALPHA:]]", 1, "no class"},
      {"[[::]]", 1, "no class"},
      {"[a[:alpha]", 2, "not closed by ':]'"},
      {"[[:", 1, "not closed by ':]'"},
      {"[[.a.]]", 1, "collating"},
      {"[[=a=]]", 1, "collating"},
      {"[+-[:alpha:]]", 3, "range cannot end in a class"},
  };
  for (const auto& c : cases) {
    const auto error = error_in(c.pattern);
    ASSERT_TRUE(error.has_value()) << c.pattern;
    EXPECT_EQ(error->offset, c.offset) << c.pattern;
    EXPECT_NE(error->what.find(c.what), std::string_view::npos) << c.pattern << ": " << error->what;
    EXPECT_EQ(error->reason, Reason::kRuleSyntax);
  }
}

TEST(Glob, AgreesWithTheSlowReference) {
  std::mt19937 random(20240611);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  const std::string_view pieces[] = {
      "a",   "b",   "c",    "*",     "*",          "?",         "[",         "]",   "!", "^",
      "-",   "\\",  "[ab]", "[!a]",  "[[:alpha:]", "[:digit:]", "[:punct:]", "[:x", ":", ".",
      "a-c", "\\]", "\\-",  "[^b-]", "[]a]",       "]a",        "[.",        "\xe9"};
  const std::string_view letters = "abbaacc1-]![\\^:.\xe9";
  size_t malformed = 0;
  size_t matched = 0;
  for (size_t round = 0; round < test::part_of(60000); ++round) {
    std::string pattern;
    for (size_t n = 1 + below(6); n-- > 0;) pattern += pieces[below(std::size(pieces))];
    if (pattern == "." || pattern == "..") continue;  // no names
    const auto tokens = test::tokens_of(pattern);
    ASSERT_EQ(error_in(pattern).has_value(), !tokens.has_value()) << pattern;
    malformed += !tokens;
    if (!tokens) continue;
    const Rules rules = test::must_compile({anchored(pattern)});
    Matcher matcher(rules, 0);
    for (int k = 0; k < 4; ++k) {
      std::string name;
      for (size_t n = 1 + below(5); n-- > 0;) name += letters[below(letters.size())];
      if (!valid_name(name)) continue;
      const bool answer = rules.hides(matcher.decide(name).file);
      ASSERT_EQ(answer, test::name_matches(*tokens, 0, name)) << pattern << " on " << name;
      matched += answer;
    }
  }
  EXPECT_GT(malformed, test::part_of(8000));
  EXPECT_GT(matched, test::part_of(5000));
}

TEST(Glob, PathologicalPatternsAreFast) {
  std::string pattern;
  for (int i = 0; i < 1300; ++i) pattern += "a*";
  pattern += "b";
  const std::string name(255, 'a');
  std::string sets;
  for (int i = 0; i < 200; ++i) sets += "*[!b-z[:digit:]]";
  const std::clock_t start = std::clock();  // of the processor, whatever else it does
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(glob(pattern, name));
    EXPECT_FALSE(glob("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", name));
    EXPECT_FALSE(glob("*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", name));
    EXPECT_FALSE(glob(sets + "b", name));
  }
  EXPECT_LT(std::clock() - start, 5 * CLOCKS_PER_SEC);
}

}  // namespace
}  // namespace sluice::core
