// Shell patterns, as gitignore and fnmatch(3) have them, taken apart into what matches one byte. PURE.
//
//   *      any bytes, also none        [a-z]  one byte of the set; [!a] and [^a] one outside it
//   ?      any one byte                [[:alpha:]]  POSIX classes, as in the C locale
//   \x     x itself, also in a set     ** and more stars within a name are the same as * here
//
// Bytes, not characters. A leading dot is nothing special. Nothing but a '/' between two names
// matches a '/'.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "core/reason.h"
#include "core/rules.h"

namespace sluice::core {

// Why a pattern is refused; `what` is a literal, for people.
struct PatternError {
  size_t offset;  // in bytes from the start of what was given
  std::string_view what;
  Reason reason = Reason::kRuleSyntax;  // or kLimitRules
};

// A whole pattern, as a person wrote it.
struct Pattern {
  std::vector<Step> steps;
  bool negated = false;         // with a '!' before it
  bool directory_only = false;  // with a '/' behind it
};

// Takes a pattern apart, adding to `sets` those bracket expressions that are not there yet. Git makes
// a malformed pattern match nothing; where a pattern hides a secret that is the wrong answer, so we
// refuse it, and with it what git ignores: comments, blank patterns, trailing spaces, "//", "." and
// "..". On an error *pattern is half made.
std::optional<PatternError> take_apart(std::string_view text, std::vector<ByteSet>& sets,
                                       Pattern* pattern);

}  // namespace sluice::core
