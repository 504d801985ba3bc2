// Differential test: our verdicts against those of git, which defines what the patterns mean.
//
// Each round writes random patterns into .git/info/exclude of a scratch repository, asks one
// `git check-ignore` about every path in it and some that do not exist, and compares not only
// whether a path is hidden but which rule decided. Needs git: without it the test fails.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/matcher.h"
#include "tests/unit/effort.h"
#include "tests/unit/reference_rules.h"

namespace sluice::core {
namespace {

namespace fs = std::filesystem;
using Patterns = std::vector<std::string>;

class GitTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "sluice-git-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    scratch_ = pattern;
    repository_ = scratch_ / "repository";
    ASSERT_EQ(run("git init -q '" + repository_.string() + "'"), 0) << "this test needs git";
    make_tree("", 3);
  }

  void TearDown() override {
    std::error_code ignored;
    if (!scratch_.empty()) fs::remove_all(scratch_, ignored);
  }

  // The exit status of a command that sees none of the caller's git configuration.
  int run(const std::string& command) const {
    const std::string clean = "env -i PATH=\"$PATH\" LC_ALL=C HOME='" + scratch_.string() +
                              "' GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null ";
    const int status = std::system((clean + command).c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  void add(const std::string& path, bool directory) {
    directories_[path] = directory;
    paths_.push_back(path);
  }

  // Two directories and several files at each level, with names that the patterns can tell apart.
  void make_tree(const std::string& parent, int levels) {
    const std::string prefix = parent.empty() ? "" : parent + "/";
    fs::create_directories(repository_ / parent);
    for (const char* name : {"a", "ab", "b-", "B"}) {
      if (levels == 0 || (name != std::string("a") && name != std::string("ab"))) {
        std::ofstream(repository_ / (prefix + name)) << "";
        add(prefix + name, false);
      } else {
        add(prefix + name, true);
        make_tree(prefix + name, levels - 1);
      }
    }
    if (levels == 3) {
      fs::create_directories(repository_ / "!a" / "b c");
      add("!a", true);
      add("!a/b c", true);
      for (const char* name : {"#a", "a ", "[a", "a]", "a\\", "*", "**", "?", "x1", "\xc3\xa9"}) {
        std::ofstream(repository_ / name) << "";
        std::ofstream(repository_ / "!a/b c" / name) << "";
        add(name, false);
        add(std::string("!a/b c/") + name, false);
      }
      add("missing", false);  // names that do not exist
      add("a/ab/missing", false);
      add("no/such/path", false);
      add("b-/below/a/file", false);
    }
  }

  // For each path the line of the pattern that decided, counted from 0; -1 for none.
  std::vector<int> ask_git(const Patterns& patterns) {
    std::ofstream exclude(repository_ / ".git/info/exclude", std::ios::binary);
    for (const std::string& pattern : patterns) exclude << pattern << '\n';
    exclude.close();
    std::ofstream in(scratch_ / "in", std::ios::binary);
    for (const std::string& path : paths_) in << path << '\0';
    in.close();
    const int status =
        run("git -C '" + repository_.string() +
            "' -c core.ignoreCase=false check-ignore --no-index --stdin -z -v -n <'" +
            (scratch_ / "in").string() + "' >'" + (scratch_ / "out").string() + "'");
    EXPECT_TRUE(status == 0 || status == 1) << "git check-ignore: " << status;
    std::ifstream out(scratch_ / "out", std::ios::binary);
    std::vector<int> lines;
    std::string source;
    std::string line;
    std::string pattern;
    std::string path;
    while (std::getline(out, source, '\0') && std::getline(out, line, '\0') &&
           std::getline(out, pattern, '\0') && std::getline(out, path, '\0')) {
      EXPECT_EQ(path, lines.size() < paths_.size() ? paths_[lines.size()] : "nothing more");
      lines.push_back(line.empty() ? -1 : std::stoi(line) - 1);
      EXPECT_EQ(source, line.empty() ? "" : ".git/info/exclude");
    }
    EXPECT_EQ(lines.size(), paths_.size());
    lines.resize(paths_.size(), -1);
    return lines;
  }

  // The number of paths on which git and we agree, with at least one rule involved.
  size_t compare(const Patterns& patterns) {
    const Rules rules = test::must_compile(patterns);
    EXPECT_EQ(rules.size(), patterns.size());
    if (rules.empty()) return 0;
    Matcher matcher(rules, 0);
    const std::vector<int> lines = ask_git(patterns);
    size_t decided = 0;
    for (size_t i = 0; i < paths_.size(); ++i) {
      const std::string& path = paths_[i];
      const bool directory = directories_.at(path);
      const Decision ours = matcher.decide(path).of(directory);
      const bool hidden =
          lines[i] >= 0 && !patterns[static_cast<size_t>(lines[i])].starts_with('!');
      EXPECT_EQ(ours.sight - 1, lines[i]) << show(patterns) << " on " << path;
      EXPECT_EQ(rules.hides(ours), hidden) << show(patterns) << " on " << path;
      decided += lines[i] >= 0;
    }
    return decided;
  }

  static std::string show(const Patterns& patterns) {
    std::ostringstream out;
    for (const std::string& pattern : patterns) out << '{' << pattern << "} ";
    return out.str();
  }

  fs::path scratch_;
  fs::path repository_;
  std::vector<std::string> paths_;
  std::map<std::string, bool> directories_;
};

// Git compares a pattern's literal start apart and then takes what is left for the whole pattern.
// So `ab**` and `ab**/c`, where they are anchored, have a `**` "at the start", which crosses
// slashes; gitignore(5) says it does not. We follow the manual; see DivergesAsDocumented.
bool hits_git_prefix_bug(std::string_view pattern) {
  if (pattern.starts_with('!')) pattern.remove_prefix(1);
  if (pattern.ends_with('/')) pattern.remove_suffix(1);
  if (pattern.find('/') == std::string_view::npos) return false;
  if (pattern.starts_with('/')) pattern.remove_prefix(1);
  const size_t wildcard = pattern.find_first_of("*?[\\");
  return wildcard != std::string_view::npos && wildcard > 0 && pattern[wildcard - 1] != '/' &&
         pattern.substr(wildcard).starts_with("**");
}

bool compiles(const std::string& pattern) {
  return !test::error_of(test::hiding({pattern}));
}

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  size_t below(size_t n) { return static_cast<size_t>(random_() % n); }

  std::string segment() {
    static constexpr std::string_view kPieces[] = {
        "a",     "b",    "a",    "ab",   "*",     "*",    "?",    "-",           "B",
        "c",     "[ab]", "[!a]", "[^b]", "[a-b]", "[b-]", "[]a]", "[[:upper:]]", "[[:alnum:]-]",
        "\\a",   "\\*",  "\\\\", "**",   "!",     "#",    " ",    "1",           "\xc3",
        "[\\]a]"};
    if (below(4) == 0) return below(8) == 0 ? "***" : "**";
    if (below(3) == 0) return below(2) == 0 ? "a" : "ab";
    std::string all;
    for (size_t n = 1 + below(3); n-- > 0;) all += kPieces[below(std::size(kPieces))];
    return all;
  }

  std::string structured() {
    std::string pattern(below(3) == 0 ? "!" : "");
    if (below(4) == 0) pattern += '/';
    pattern += segment();
    for (size_t more = below(4); more-- > 0;) pattern += "/" + segment();
    if (below(5) == 0) pattern += '/';
    return pattern;
  }

  // Anything at all; most of it is refused.
  std::string wild() {
    static constexpr std::string_view kBytes = "aab/*?[]!^-\\# .:B1";
    std::string pattern;
    for (size_t n = 1 + below(8); n-- > 0;) pattern += kBytes[below(kBytes.size())];
    return pattern;
  }

  std::string pattern() {
    for (;;) {
      std::string made = below(3) == 0 ? wild() : structured();
      if (compiles(made) && !hits_git_prefix_bug(made)) return made;
    }
  }

 private:
  std::mt19937 random_;
};

TEST_F(GitTest, AgreesOnOneRule) {
  for (const char* pattern : {"a",
                              "/a",
                              "a/",
                              "/a/",
                              "a/ab",
                              "a/ab/",
                              "**/ab",
                              "**/a/ab",
                              "a/**",
                              "a/**/",
                              "a/**/**",
                              "a/**/ab",
                              "a/**/**/ab",
                              "/**",
                              "**",
                              "**/",
                              "/**/",
                              "/**/ab/",
                              "***",
                              "a/***",
                              "a/***/ab",
                              "*",
                              "/*",
                              "*/",
                              "/*/",
                              "*/ab",
                              "a*/ab",
                              "?",
                              "[a]",
                              "[!a]-",
                              "\\!a",
                              "\\#a",
                              "a\\ ",
                              "\\[a",
                              "a]",
                              "a\\\\",
                              "\\*",
                              "\\**",
                              "\\?",
                              "[*]",
                              "[[]a",
                              "a[]]",
                              "x[[:digit:]]",
                              "[[:alpha:]]",
                              "??",
                              "\xc3\xa9",
                              "no",
                              "/no/such",
                              "a/ab/missing",
                              "b-/below/",
                              "*b",
                              "**b",
                              "*b*/a",
                              "?**/a",
                              "a/[a]**/a",
                              "**/**/**/ab"}) {
    EXPECT_GT(compare({pattern}), 0u) << pattern << " matches nothing in the tree";
    // And what it shows of that again.
    compare({"*", std::string("!") + pattern});
    compare({"/a/*", "B", std::string("!") + pattern});
    if (HasFailure()) return;
  }
}

TEST_F(GitTest, AgreesOnRandomRules) {
  Generator make(7);
  size_t decided = 0;
  const size_t rounds = test::part_of(300);
  for (size_t round = 0; round < rounds && !HasFailure(); ++round) {
    Patterns patterns;
    for (size_t n = 1 + make.below(6); n-- > 0;) patterns.push_back(make.pattern());
    decided += compare(patterns);
  }
  EXPECT_GT(decided, rounds * paths_.size() / 5);
}

// Where we mean to differ. If one of these fails, git has changed and the note can go.
TEST_F(GitTest, DivergesAsDocumented) {
  const auto git_line = [&](const Patterns& patterns, const std::string& path) {
    const std::vector<int> lines = ask_git(patterns);
    for (size_t i = 0; i < paths_.size(); ++i) {
      if (paths_[i] == path) return lines[i];
    }
    ADD_FAILURE() << "no path " << path;
    return -2;
  };
  const auto ours_hides = [](std::string_view pattern, std::string_view path) {
    const Rules rules = test::must_compile({std::string(pattern)});
    return rules.hides(Matcher(rules, 0).decide(path).file);
  };
  // `**` behind a literal start crosses directories in git, against its manual.
  EXPECT_EQ(git_line({"/a**/B"}, "a/ab/B"), 0);
  EXPECT_FALSE(ours_hides("/a**/B", "a/ab/B"));
  EXPECT_EQ(git_line({"a/a**/B"}, "a/ab/a/B"), 0);
  EXPECT_FALSE(ours_hides("a/a**/B", "a/ab/a/B"));
  // Patterns that git silently never matches, and we refuse.
  for (const char* pattern : {"[a", "a[", "[b-a]", "[[:no:]]", "a\\", "./a", "/./a", "a//ab", "//a",
                              "a//", "a/../a", "!", "/", "[[:alpha:]"}) {
    EXPECT_FALSE(compiles(pattern)) << pattern;
    for (const int line : ask_git({pattern})) EXPECT_EQ(line, -1) << pattern;
  }
  // Patterns that git ignores or trims, and we refuse.
  EXPECT_EQ(git_line({"#a"}, "#a"), -1);
  EXPECT_FALSE(compiles("#a"));
  EXPECT_EQ(git_line({"B  "}, "B"), 0);
  EXPECT_FALSE(compiles("B  "));
  // Patterns that git matches, and we refuse: an escaped slash.
  EXPECT_EQ(git_line({"a\\/ab"}, "a/ab"), 0);
  EXPECT_FALSE(compiles("a\\/ab"));
}

}  // namespace
}  // namespace sluice::core
