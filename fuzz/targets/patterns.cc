// Patterns: the matcher's verdicts against a slow reference, against git, which defines what
// patterns mean, and each name's pattern against a regular expression of RE2. A line is a pattern;
// the bytes in front choose paths.
#include <fcntl.h>
#include <re2/re2.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "core/matcher.h"
#include "core/path.h"
#include "fuzz/target.h"
#include "tests/unit/reference_rules.h"

using namespace sluice;

namespace {

constexpr size_t kMostPatterns = 6, kMostPatternBytes = 24;

// Names of directories, and of files.
constexpr std::string_view kDirectories[] = {"a", "ab", "!a", "b c"};
constexpr std::string_view kFiles[] = {"b-", "B", "x1", "#a", "a]", "*", "[a", "\xc3\xa9"};

// One git that stays, and is asked path by path.
class Git {
 public:
  Git() {
    std::string name = "/tmp/sluice-fuzz-git-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) return;
    directory() = name;
    std::atexit([] {
      std::error_code ignored;
      std::filesystem::remove_all(directory(), ignored);
    });
    const std::string clean =
        "env -i PATH=\"$PATH\" LC_ALL=C HOME=" + name + " GIT_CONFIG_NOSYSTEM=1 ";
    if (std::system((clean + "git init -q " + name + "/r 2>/dev/null").c_str()) != 0) return;
    make("t", 2);
    ::mkdir(path("other").c_str(), 0755);
    int to[2], from[2];
    if (::pipe2(to, O_CLOEXEC) != 0 || ::pipe2(from, O_CLOEXEC) != 0) return;
    if (const pid_t pid = ::fork(); pid == 0) {
      ::dup2(to[0], 0);
      ::dup2(from[1], 1);
      ::setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
      ::setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
      const std::string where = name + "/r";
      ::execlp("git", "git", "-C", where.c_str(), "-c", "core.ignoreCase=false", "check-ignore",
               "--no-index", "--stdin", "-z", "-v", "-n", static_cast<char*>(nullptr));
      ::_exit(127);
    }
    ::close(to[0]);
    ::close(from[1]);
    ::signal(SIGPIPE, SIG_IGN);
    ask_ = to[1];
    answer_ = from[0];
  }
  bool is_there() const { return ask_ >= 0; }

  void use(const std::vector<std::string>& patterns) {
    std::ofstream out(path("t/.gitignore"), std::ios::binary | std::ios::trunc);
    for (const std::string& pattern : patterns) out << pattern << '\n';
    out.close();
    // It forgets a directory's patterns when it has been elsewhere.
    (void)line_of("other/x");
  }
  // Of the pattern that decided, counted from 0; -1: none.
  int decide(const std::string& name) { return line_of("t/" + name) - 1; }

 private:
  static std::string& directory() {
    static std::string* const name = new std::string;
    return *name;
  }
  static std::string path(const std::string& name) { return directory() + "/r/" + name; }
  void make(const std::string& parent, int levels) {
    ::mkdir(path(parent).c_str(), 0755);
    for (const auto name : kFiles) std::ofstream(path(parent + "/" + std::string(name))) << "";
    for (const auto name : kDirectories) {
      if (levels > 0)
        make(parent + "/" + std::string(name), levels - 1);
      else
        std::ofstream(path(parent + "/" + std::string(name))) << "";
    }
  }
  int line_of(const std::string& name) {
    FUZZ_HOLDS(::write(ask_, name.c_str(), name.size() + 1) ==
               static_cast<ssize_t>(name.size() + 1));
    // It answers one question in one piece: four fields, each with its end.
    std::string field[4];
    size_t at = 0;
    while (at < 4) {
      char piece[1024];
      const ssize_t length = ::read(answer_, piece, sizeof(piece));
      FUZZ_HOLDS(length > 0);
      for (ssize_t i = 0; i < length; ++i) {
        if (piece[i] == '\0')
          ++at;
        else if (FUZZ_HOLDS(at < 4), true)
          field[at] += piece[i];
      }
    }
    FUZZ_HOLDS(field[3] == name);
    return field[1].empty() ? 0 : std::stoi(field[1]);
  }
  int ask_ = -1, answer_ = -1;
};

// Where git differs from its own manual: a literal start is compared apart, and `**` behind it then
// crosses directories (tests/unit/rules_git_test.cc).
bool hits_git_prefix_bug(std::string_view pattern) {
  if (pattern.starts_with('!')) pattern.remove_prefix(1);
  if (pattern.ends_with('/')) pattern.remove_suffix(1);
  if (pattern.find('/') == std::string_view::npos) return false;
  if (pattern.starts_with('/')) pattern.remove_prefix(1);
  const size_t wildcard = pattern.find_first_of("*?[\\");
  return wildcard != std::string_view::npos && wildcard > 0 && pattern[wildcard - 1] != '/' &&
         pattern.substr(wildcard).starts_with("**");
}

std::string path_of(fuzz::Choices& choices, bool* is_directory) {
  std::string path;
  for (uint32_t depth = choices.below(3); depth > 0; --depth)
    path += std::string(choices.one_of(kDirectories)) + "/";
  const bool deep = std::count(path.begin(), path.end(), '/') == 2;
  *is_directory = choices.flag();
  path += *is_directory ? choices.one_of(kDirectories) : choices.one_of(kFiles);
  if (deep) *is_directory = *is_directory && false;
  return path;
}

// The pattern of one name as a regular expression, from its tokens.
void check_by_expression(std::string_view pattern, std::string_view name) {
  const auto tokens = test::tokens_of(pattern);
  if (!tokens) return;
  std::string expression;
  for (const test::Token& token : *tokens) {
    if (token.star) {
      expression += "\\C*";
      continue;
    }
    expression += '[';
    for (unsigned byte = 0; byte < 256; ++byte) {
      char hex[8];
      std::snprintf(hex, sizeof(hex), "\\x{%02x}", byte);
      if (token.set[byte]) expression += hex;
    }
    expression += ']';
    if (token.set.none()) return;
  }
  re2::RE2::Options options(re2::RE2::Latin1);
  options.set_log_errors(false);
  options.set_dot_nl(true);
  const re2::RE2 compiled(expression, options);
  FUZZ_HOLDS(compiled.ok());
  const bool expected = re2::RE2::FullMatch({name.data(), name.size()}, compiled);
  // As a rule about this one name.
  const std::string anchored = "/" + std::string(pattern);
  const core::WrittenRule written{anchored, {core::Effect::kHide}};
  const auto result = core::compile(std::span(&written, 1));
  const auto* rules = std::get_if<core::Rules>(&result);
  if (rules == nullptr || !core::valid_name(name)) return;
  FUZZ_HOLDS(rules->hides(core::Matcher(*rules, 0).decide(name).file) == expected);
}

// More than there may be: of rules, of different brackets, of the bytes of a pattern.
void check_limits(const std::string& pattern, unsigned which) {
  std::vector<std::string> texts;
  if (which == 0) {
    texts.emplace_back();
    while (texts[0].size() < 5000) texts[0] += pattern;
  } else if (which == 1) {
    texts.emplace_back();
    for (int one = 'A'; one <= 'W'; ++one)
      for (int other = one + 1; other <= 'X'; ++other)
        texts[0] += {'[', static_cast<char>(one), static_cast<char>(other), ']'};
  } else {
    for (int i = 0; i < 3000; ++i) texts.push_back(std::to_string(i) + std::string(60, 'x') + (which == 2 ? "/y" : ""));
  }
  std::vector<std::string_view> views(texts.begin(), texts.end());
  const auto result = core::compile(std::span<const std::string_view>(views));
  const auto* error = std::get_if<core::RuleError>(&result);
  FUZZ_HOLDS(error != nullptr);
  if (which != 0) FUZZ_HOLDS(error->error.reason == core::Reason::kLimitRules);
}

// The same rules, said in another way; and what is not hidden cannot be shown again.
void check_other_ways(const std::vector<std::string>& patterns, const core::Rules& rules) {
  const std::vector<std::string_view> views(patterns.begin(), patterns.end());
  const auto same = core::compile(std::span<const std::string_view>(views));
  FUZZ_HOLDS(std::holds_alternative<core::Rules>(same));
  FUZZ_HOLDS(std::ranges::equal(std::get<core::Rules>(same).bytes(), rules.bytes()));
  for (const std::string& pattern : patterns) {
    const core::WrittenRule masked{pattern, {core::Effect::kMask}};
    FUZZ_HOLDS(std::holds_alternative<core::RuleError>(core::compile(std::span(&masked, 1))) == pattern.starts_with('!'));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 12) return 0;
  fuzz::Choices choices(data, 12);
  const bool ask_git = (data[0] & 3) == 0;
  std::string_view text = fuzz::text_of({data + 12, size - 12});
  std::vector<std::string> patterns;
  test::WrittenRules written;
  while (!text.empty() && patterns.size() < kMostPatterns) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string pattern(text.substr(0, std::min(end, kMostPatternBytes)));
    text.remove_prefix(std::min(end + 1, text.size()));
    const test::WrittenRules alone = test::hiding({pattern});
    if (test::error_of(alone)) continue;
    // The reference knows the classes that its own tests use.
    if (pattern.find("[:") != std::string::npos) {
      std::string_view body = pattern;
      bool known = true;
      for (size_t at; (at = body.find("[:")) != std::string_view::npos;) {
        body.remove_prefix(at + 2);
        known = known && (body.starts_with("alpha:]") || body.starts_with("alnum:]") ||
                          body.starts_with("digit:]") || body.starts_with("upper:]") ||
                          body.starts_with("punct:]"));
      }
      if (!known) continue;
    }
    patterns.push_back(pattern);
    written.push_back(alone[0]);
  }
  if (patterns.empty()) return 0;
  const core::Rules rules = test::must_compile(written);
  FUZZ_HOLDS(rules.size() == patterns.size());
  core::Matcher matcher(rules, 0);

  static Git* const git = new Git;
  const bool compare_git = ask_git && git->is_there() &&
                           std::none_of(patterns.begin(), patterns.end(), hits_git_prefix_bug);
  if (compare_git) git->use(patterns);
  while (choices.more()) {
    bool is_directory;
    const std::string path = path_of(choices, &is_directory);
    const core::Verdicts ours = matcher.decide(path);
    for (const bool directory : {false, true}) {
      FUZZ_HOLDS(ours.of(directory) == test::reference_decide(written, path, directory));
    }
    if (compare_git) FUZZ_HOLDS(git->decide(path) == ours.of(is_directory).sight - 1);
  }
  const std::string& first = patterns.front();
  check_other_ways(patterns, rules);
  if (data[1] >= 250) check_limits(first, data[1] % 4);
  if (data[1] % 8 == 0 && first.find('/') == std::string::npos && !first.starts_with('!') &&
      first.find("**") == std::string::npos) {
    for (const auto name : kFiles) check_by_expression(first, name);
    for (const auto name : kDirectories) check_by_expression(first, name);
  }
  return 0;
}
