#include "core/glob.h"

#include <algorithm>

namespace sluice::core {
namespace {

constexpr size_t kNone = std::string_view::npos;
constexpr size_t kMostPatternBytes = 4095;

// Spelled out because <cctype> follows the locale, and a verdict must not. Pairs of first and last.
constexpr struct {
  std::string_view name;
  std::string_view ranges;
} kClasses[] = {
    {"alnum", "09AZaz"},   {"alpha", "AZaz"},
    {"blank", "\t\t  "},   {"cntrl", {"\0\x1f\x7f\x7f", 4}},
    {"digit", "09"},       {"graph", "!~"},
    {"lower", "az"},       {"print", " ~"},
    {"punct", "!/:@[`{~"}, {"space", "\t\r  "},
    {"upper", "AZ"},       {"xdigit", "09AFaf"},
};

// A word at a time: a bracket may hold a thousand ranges.
void add_range(ByteSet& set, char low, char high) {
  const unsigned from = static_cast<uint8_t>(low), to = static_cast<uint8_t>(high);
  for (unsigned k = from / 64; k <= to / 64; ++k) {
    const unsigned first = std::max(from, 64 * k), last = std::min(to, 64 * k + 63);
    set[k] |= ~uint64_t{0} >> (63 - (last - first)) << (first & 63);
  }
}

constexpr ByteSet kAnyByte = {~(uint64_t{1} << '/' | 1), ~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0}};

// A bracket expression: the offset behind it, or an error.
struct Bracket {
  size_t end = 0;
  ByteSet set{};
  std::optional<PatternError> error;
};

Bracket refused(size_t offset, const char* what) { return {0, {}, PatternError{offset, what}}; }

Bracket bracket_at(std::string_view text, size_t open) {
  // Reads a byte of the set at i, or an escaped one, and moves i behind it; false at the end.
  size_t i = open + 1;
  const auto take = [&](char& byte) {
    if (i < text.size() && text[i] == '\\') ++i;
    if (i >= text.size()) return false;
    byte = text[i++];
    return true;
  };
  // "[:", "[." or "[=" at a place
  const auto posix_at = [&](size_t at) {
    const std::string_view two = text.substr(at, 2);
    return two == "[:" || two == "[." || two == "[=";
  };

  const bool negated = i < text.size() && (text[i] == '!' || text[i] == '^');
  if (negated) ++i;
  ByteSet set{};
  for (bool first = true; i < text.size(); first = false) {
    if (text[i] == ']' && !first) {
      for (size_t k = 0; k < set.size(); ++k) set[k] = (negated ? ~set[k] : set[k]) & kAnyByte[k];
      return {i + 1, set, std::nullopt};
    }
    if (posix_at(i)) {
      const size_t close = text.find(":]", i + 2);
      if (text[i + 1] != ':') return refused(i, "collating elements are not supported");
      if (close == kNone) return refused(i, "the class is not closed by ':]'");
      const std::string_view name = text.substr(i + 2, close - (i + 2));
      const auto* entry = std::find_if(std::begin(kClasses), std::end(kClasses),
                                       [&](const auto& known) { return known.name == name; });
      if (entry == std::end(kClasses)) return refused(i, "there is no class of that name");
      for (size_t k = 0; k < entry->ranges.size(); k += 2) {
        add_range(set, entry->ranges[k], entry->ranges[k + 1]);
      }
      i = close + 2;
      continue;
    }
    const size_t start = i;
    char low = 0;
    if (!take(low)) break;
    char high = low;
    if (i + 1 < text.size() && text[i] == '-' && text[i + 1] != ']') {
      ++i;
      if (posix_at(i)) return refused(i, "a range cannot end in a class");
      if (!take(high)) break;
      if (static_cast<uint8_t>(low) > static_cast<uint8_t>(high)) {
        return refused(start, "the range is reversed");
      }
    }
    add_range(set, low, high);
  }
  return refused(open, "the bracket is not closed before the next '/' or the end");
}

// The steps of one name of a pattern, which is not empty.
std::optional<PatternError> take_name_apart(std::string_view name, std::vector<ByteSet>& sets,
                                            std::vector<Step>& steps) {
  const auto put_set = [&](const ByteSet& set) {
    const auto known = std::find(sets.begin(), sets.end(), set);
    steps.push_back({StepKind::kSet, static_cast<uint8_t>(known - sets.begin())});
    if (known == sets.end()) sets.push_back(set);
  };
  for (size_t at = 0; at < name.size(); ++at) {
    switch (name[at]) {
      case '*':
        if (steps.empty() || steps.back().kind != StepKind::kStar) steps.push_back({StepKind::kStar, 0});
        break;
      case '?':
        put_set(kAnyByte);
        break;
      case '[': {
        const Bracket bracket = bracket_at(name, at);
        if (bracket.error) return bracket.error;
        put_set(bracket.set);
        at = bracket.end - 1;
        break;
      }
      case '\\':
        if (++at == name.size()) return PatternError{at - 1, "the backslash has nothing to escape"};
        [[fallthrough]];
      default:
        steps.push_back({StepKind::kByte, static_cast<uint8_t>(name[at])});
    }
    if (sets.size() > kMaxSets) {
      return PatternError{0, "there are more than 255 different bracket expressions", Reason::kLimitRules};
    }
  }
  return std::nullopt;
}

bool is_any_depth(std::string_view name) {
  return name.size() >= 2 && name.find_first_not_of('*') == kNone;
}

// A space at the end that no backslash keeps: git drops it, and a person does not see it.
bool ends_in_space(std::string_view text) {
  if (!text.ends_with(' ')) return false;
  text.remove_suffix(1);
  const size_t last = text.find_last_not_of('\\');
  const size_t backslashes = text.size() - (last == kNone ? 0 : last + 1);
  return backslashes % 2 == 0;
}

}  // namespace

std::optional<PatternError> take_apart(std::string_view text, std::vector<ByteSet>& sets,
                                       Pattern* pattern) {
  if (text.size() > kMostPatternBytes) {
    return PatternError{kMostPatternBytes, "the pattern is longer than 4095 bytes", Reason::kLimitRules};
  }
  if (text.find_first_not_of(" \t") == kNone) return PatternError{0, "the pattern is blank"};
  if (text.front() == '#') return PatternError{0, "a comment is no rule; write \\# for a '#'"};
  if (const size_t nul = text.find('\0'); nul != kNone) {
    return PatternError{nul, "a pattern cannot contain NUL"};
  }
  if (ends_in_space(text)) {
    return PatternError{text.size() - 1, "the pattern ends in a space; write '\\ ' to keep it"};
  }

  std::string_view rest = text;
  pattern->negated = rest.front() == '!';
  if (pattern->negated) rest.remove_prefix(1);
  pattern->directory_only = rest.ends_with('/');
  if (pattern->directory_only) rest.remove_suffix(1);
  if (rest.empty()) return PatternError{0, "the pattern names nothing"};
  const bool anchored = rest.find('/') != kNone;
  if (rest.front() == '/') rest.remove_prefix(1);

  // An unanchored `x` becomes `**/x`, and a final `**` becomes `**/*`: one kind of pattern is left.
  std::vector<Step>& steps = pattern->steps;
  const auto put_deep = [&] {  // `**/**` is `**`
    if (steps.empty() || steps.back().kind != StepKind::kDeep) steps.push_back({StepKind::kDeep, 0});
  };
  if (!anchored) put_deep();
  for (bool more = true; more;) {
    const size_t slash = rest.find('/');
    more = slash != kNone;
    const std::string_view name = rest.substr(0, slash);
    const auto offset = static_cast<size_t>(name.data() - text.data());
    if (name.empty()) return PatternError{offset, "there is nothing between two slashes"};
    if (name == "." || name == "..") return PatternError{offset, "no name is '.' or '..'"};
    if (is_any_depth(name)) {
      put_deep();
      if (!more) steps.push_back({StepKind::kStar, 0});
    } else {
      if (auto error = take_name_apart(name, sets, steps)) {
        error->offset += offset;
        return error;
      }
      if (more) steps.push_back({StepKind::kSlash, 0});
    }
    if (more) rest.remove_prefix(slash + 1);
  }
  return std::nullopt;
}

}  // namespace sluice::core
