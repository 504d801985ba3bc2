#include "core/glob.h"

#include <cstdint>

namespace sluice::core {
namespace {

constexpr size_t kNone = std::string_view::npos;

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

constexpr bool between(char low, char c, char high) {
  return static_cast<uint8_t>(low) <= static_cast<uint8_t>(c) &&
         static_cast<uint8_t>(c) <= static_cast<uint8_t>(high);
}

// What matches exactly one byte: a literal, an escape, '?' or a bracket expression. Checking and
// matching both go through here, so they cannot disagree about where it ends.
struct Unit {
  size_t end = 0;        // the offset behind it
  bool matches = false;  // the byte asked for
  const char* error = nullptr;
  size_t error_offset = 0;
};

Unit refused(size_t offset, const char* what) { return {0, false, what, offset}; }

Unit bracket_at(std::string_view pattern, size_t open, char c) noexcept {
  // Reads a byte of the set at i, or an escaped one, and moves i behind it; false at the end.
  size_t i = open + 1;
  const auto take = [&](char& byte) {
    if (i < pattern.size() && pattern[i] == '\\') ++i;
    if (i >= pattern.size()) return false;
    byte = pattern[i++];
    return true;
  };
  // "[:", "[." or "[=" at a place
  const auto posix_at = [&](size_t at) {
    const std::string_view two = pattern.substr(at, 2);
    return two == "[:" || two == "[." || two == "[=";
  };

  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  bool found = false;
  for (bool first = true; i < pattern.size(); first = false) {
    if (pattern[i] == ']' && !first) return {i + 1, found != negated};
    if (posix_at(i)) {
      const size_t close = pattern.find(":]", i + 2);
      if (pattern[i + 1] != ':') return refused(i, "collating elements are not supported");
      if (close == kNone) return refused(i, "the class is not closed by ':]'");
      const std::string_view name = pattern.substr(i + 2, close - (i + 2));
      bool known = false;
      for (const auto& entry : kClasses) {
        if (entry.name != name) continue;
        known = true;
        for (size_t k = 0; k < entry.ranges.size(); k += 2) {
          found = found || between(entry.ranges[k], c, entry.ranges[k + 1]);
        }
      }
      if (!known) return refused(i, "there is no class of that name");
      i = close + 2;
      continue;
    }
    const size_t start = i;
    char low = 0;
    if (!take(low)) break;
    char high = low;
    if (i + 1 < pattern.size() && pattern[i] == '-' && pattern[i + 1] != ']') {
      ++i;
      if (posix_at(i)) return refused(i, "a range cannot end in a class");
      if (!take(high)) break;
      if (!between(low, high, '\xff')) return refused(start, "the range is reversed");
    }
    found = found || between(low, c, high);
  }
  return refused(open, "the bracket is not closed before the next '/' or the end");
}

// Needs at < pattern.size(), and no star there.
Unit unit_at(std::string_view pattern, size_t at, char c) noexcept {
  switch (pattern[at]) {
    case '?':
      return {at + 1, true};
    case '[':
      return bracket_at(pattern, at, c);
    case '\\':
      if (++at == pattern.size()) return refused(at - 1, "the backslash has nothing to escape");
      [[fallthrough]];
    default:
      return {at + 1, pattern[at] == c};
  }
}

}  // namespace

std::optional<PatternError> check_segment(std::string_view pattern) noexcept {
  for (size_t at = 0; at < pattern.size();) {
    if (pattern[at] == '*') {
      ++at;
      continue;
    }
    const Unit unit = unit_at(pattern, at, 0);
    if (unit.error != nullptr) return PatternError{unit.error_offset, unit.error};
    at = unit.end;
  }
  return std::nullopt;
}

bool glob_segment(std::string_view pattern, std::string_view name) noexcept {
  size_t p = 0;
  size_t n = 0;
  size_t star = kNone;   // behind the last star seen
  size_t star_name = 0;  // where in the name that star ends for now
  while (n < name.size()) {
    if (p < pattern.size()) {
      if (pattern[p] == '*') {
        star = ++p;
        star_name = n;
        continue;
      }
      const Unit unit = unit_at(pattern, p, name[n]);
      if (unit.matches) {
        p = unit.end;
        ++n;
        continue;
      }
    }
    if (star == kNone) return false;
    p = star;
    n = ++star_name;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace sluice::core
