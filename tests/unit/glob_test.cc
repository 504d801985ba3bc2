#include "core/glob.h"

#include <gtest/gtest.h>

#include <bitset>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::core {
namespace {

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
      {"", "", true},
      {"", "a", false},
      {"a", "", false},
      {"a", "A", false},
      {"!a", "!a", true},
      {"#a", "#a", true},
      {"]", "]", true},
      {"a]", "a]", true},
      {"-", "-", true},
      {"^", "^", true},
      // Stars.
      {"*", "", true},
      {"*", "abc", true},
      {"*", ".hidden", true},
      {"**", "", true},
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
      {"*?", "", false},
      {"*?", "a", true},
      {"?*?", "a", false},
      {"?*?", "ab", true},
      // Question marks take one byte, not one character.
      {"?", "a", true},
      {"?", "", false},
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
      {"[ab]", "", false},
      {"[a-c]", "b", true},
      {"[a-c]", "d", false},
      {"[a-c]", "-", false},
      {"[a-cx-z]", "y", true},
      {"[a-cx-z]", "m", false},
      {"[!a]", "b", true},
      {"[!a]", "a", false},
      {"[!a]", "", false},
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
      {"[--/]", ".", true},
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
    EXPECT_FALSE(check_segment(c.pattern).has_value()) << c.pattern;
    EXPECT_EQ(glob_segment(c.pattern, c.name), c.matches) << c.pattern << " on " << c.name;
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
    for (int c = 0; c < 256; ++c) {
      const char byte = static_cast<char>(c);
      EXPECT_EQ(glob_segment(pattern, {&byte, 1}), entry.contains(c) != 0) << pattern << " " << c;
    }
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
    const auto error = check_segment(c.pattern);
    ASSERT_TRUE(error.has_value()) << c.pattern;
    EXPECT_EQ(error->offset, c.offset) << c.pattern;
    EXPECT_NE(error->what.find(c.what), std::string_view::npos) << c.pattern << ": " << error->what;
    EXPECT_EQ(error->reason, Reason::kRuleSyntax);
  }
}

// The slow reference: a list of byte sets and stars, matched by plain recursion.
struct Token {
  bool star = false;
  std::bitset<256> set;
};

std::optional<std::bitset<256>> reference_set(std::string_view inside) {
  // `inside` is what stands between the brackets, without '!' or '^'. Split into units first.
  struct Item {
    enum { kByte, kClass, kDash } kind;
    std::string text;
  };
  std::vector<Item> items;
  for (size_t i = 0; i < inside.size();) {
    if (inside[i] == '\\') {
      items.push_back({Item::kByte, std::string(inside.substr(i + 1, 1))});
      i += 2;
    } else if (inside.substr(i, 2) == "[:") {
      const size_t end = inside.find(":]", i + 2);
      if (end == std::string_view::npos) return std::nullopt;
      items.push_back({Item::kClass, std::string(inside.substr(i + 2, end - i - 2))});
      i = end + 2;
    } else {
      items.push_back({inside[i] == '-' ? Item::kDash : Item::kByte, std::string(1, inside[i])});
      ++i;
    }
  }
  std::bitset<256> set;
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].kind == Item::kClass) {
      int (*contains)(int) = nullptr;
      if (items[i].text == "alpha") contains = isalpha;
      if (items[i].text == "digit") contains = isdigit;
      if (items[i].text == "punct") contains = ispunct;
      if (contains == nullptr) return std::nullopt;
      for (int c = 0; c < 256; ++c) {
        if (contains(c) != 0) set.set(static_cast<size_t>(c));
      }
      continue;
    }
    const auto low = static_cast<uint8_t>(items[i].text[0]);
    auto high = low;
    if (i + 2 < items.size() && items[i + 1].kind == Item::kDash) {
      if (items[i + 2].kind == Item::kClass) return std::nullopt;
      high = static_cast<uint8_t>(items[i + 2].text[0]);
      if (high < low) return std::nullopt;
      i += 2;
    }
    for (size_t c = low; c <= high; ++c) set.set(c);
  }
  return set;
}

std::optional<std::vector<Token>> reference_tokens(std::string_view pattern) {
  std::vector<Token> tokens;
  while (!pattern.empty()) {
    Token token;
    size_t used = 1;
    if (pattern[0] == '*') {
      token.star = true;
    } else if (pattern[0] == '?') {
      token.set.set();
    } else if (pattern[0] == '\\') {
      if (pattern.size() < 2) return std::nullopt;
      token.set.set(static_cast<uint8_t>(pattern[1]));
      used = 2;
    } else if (pattern[0] == '[') {
      size_t begin = 1;
      if (begin < pattern.size() && (pattern[begin] == '!' || pattern[begin] == '^')) ++begin;
      // The closing bracket: the first ']' that is neither first, nor escaped, nor of a class.
      size_t end = begin;
      for (;;) {
        if (end >= pattern.size()) return std::nullopt;
        if (pattern[end] == ']' && end != begin) break;
        if (pattern.substr(end, 2) == "[." || pattern.substr(end, 2) == "[=") return std::nullopt;
        if (pattern.substr(end, 2) == "[:") {
          end = pattern.find(":]", end + 2);
          if (end == std::string_view::npos) return std::nullopt;
          end += 2;
        } else {
          end += pattern[end] == '\\' ? 2 : 1;
        }
      }
      const auto set = reference_set(pattern.substr(begin, end - begin));
      if (!set) return std::nullopt;
      token.set = begin == 1 ? *set : ~*set;
      used = end + 1;
    } else {
      token.set.set(static_cast<uint8_t>(pattern[0]));
    }
    tokens.push_back(token);
    pattern.remove_prefix(used);
  }
  return tokens;
}

bool reference_match(const std::vector<Token>& tokens, size_t t, std::string_view name) {
  if (t == tokens.size()) return name.empty();
  if (tokens[t].star) {
    return reference_match(tokens, t + 1, name) ||
           (!name.empty() && reference_match(tokens, t, name.substr(1)));
  }
  return !name.empty() && tokens[t].set[static_cast<uint8_t>(name[0])] &&
         reference_match(tokens, t + 1, name.substr(1));
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
  for (int round = 0; round < 150000; ++round) {
    std::string pattern;
    for (size_t n = below(7); n-- > 0;) pattern += pieces[below(std::size(pieces))];
    const auto tokens = reference_tokens(pattern);
    ASSERT_EQ(check_segment(pattern).has_value(), !tokens.has_value()) << pattern;
    for (int k = 0; k < 4; ++k) {
      std::string name;
      for (size_t n = below(6); n-- > 0;) name += letters[below(letters.size())];
      const bool answer = glob_segment(pattern, name);  // must be safe on malformed ones too
      if (!tokens) continue;
      ASSERT_EQ(answer, reference_match(*tokens, 0, name)) << pattern << " on " << name;
      matched += answer;
    }
    malformed += !tokens;
  }
  EXPECT_GT(malformed, 20000u);
  EXPECT_GT(matched, 20000u);
}

TEST(Glob, PathologicalPatternsAreFast) {
  std::string pattern;
  for (int i = 0; i < 1300; ++i) pattern += "a*";
  pattern += "b";
  const std::string name(255, 'a');
  std::string sets;
  for (int i = 0; i < 200; ++i) sets += "*[!b-z[:digit:]]";
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(glob_segment(pattern, name));
    EXPECT_FALSE(glob_segment("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", name));
    EXPECT_FALSE(glob_segment("*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", name));
    EXPECT_FALSE(glob_segment(sets + "b", name));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace sluice::core
