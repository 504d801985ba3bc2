// Shell patterns over one path component, as gitignore and fnmatch(3) have them. PURE.
//
//   *      any bytes, also none        [a-z]  one byte of the set; [!a] and [^a] one outside it
//   ?      any one byte                [[:alpha:]]  POSIX classes, as in the C locale
//   \x     x itself, also in a set     ** and more stars are the same as * here
//
// Bytes, not characters. A leading dot is nothing special. No allocation.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "core/reason.h"

namespace sluice::core {

// Why a pattern is refused; `what` is a literal, for people.
struct PatternError {
  size_t offset;  // in bytes from the start of what was given
  std::string_view what;
  Reason reason = Reason::kRuleSyntax;  // or kLimitRules
};

// What is wrong with the pattern of one component, if anything. Git makes a malformed pattern match
// nothing; where a pattern hides a secret that is the wrong answer, so we refuse it. Called once,
// when a rule is compiled.
std::optional<PatternError> check_segment(std::string_view pattern) noexcept;

// Whether `pattern` matches all of `name`. Needs a pattern that check_segment has passed (any other
// is safe to give, and the answer means nothing). At most |pattern| x |name| steps: on a mismatch
// only the last star is reconsidered, which is enough as everything between stars has one length.
bool glob_segment(std::string_view pattern, std::string_view name) noexcept;

}  // namespace sluice::core
