// From patterns as people write them to rules. PURE. Called by the client only.
//
// Patterns mean what gitignore(5) says: a trailing `/` matches directories only; a `/` at the start
// or in the middle anchors a pattern at the root, any other matches a name at every depth; `**` as a
// whole component stands for any number of directories, at the end for everything inside. `!` before
// a pattern that hides makes it show.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <variant>

#include "core/glob.h"
#include "core/rules.h"

namespace sluice::core {

// Of all patterns as written. Compiled, those that begin alike take less.
inline constexpr size_t kMaxWrittenBytes = size_t{1} << 20;

struct WrittenRule {
  std::string_view pattern;
  Rule rule;  // directory_only: as the pattern says
};

struct RuleError {
  size_t rule;  // its index
  PatternError error;
};

// In order: the later rule wins.
std::variant<Rules, RuleError> compile(std::span<const WrittenRule> written);
// Of patterns of what to hide.
std::variant<Rules, RuleError> compile(std::span<const std::string_view> hide);

}  // namespace sluice::core
