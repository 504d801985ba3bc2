// What rules mean, told as plainly as can be: what the matcher is compared with. Slow.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/compiler.h"
#include "core/matcher.h"
#include "core/rules.h"

namespace sluice::test {

using core::Decision;
using core::Rule;
using core::RuleError;
using core::Rules;

// A rule as a person writes it.
struct Written {
  std::string pattern;
  Rule rule = {};
};
using WrittenRules = std::vector<Written>;

// Of patterns of what to hide.
WrittenRules hiding(const std::vector<std::string>& patterns);
// Compiled; the test fails where that fails.
Rules must_compile(const WrittenRules& rules);
Rules must_compile(const std::vector<std::string>& hide);
std::optional<RuleError> error_of(const WrittenRules& rules);
// For messages.
std::string text_of(const WrittenRules& rules);

// ---- The reference ----

// The pattern of one name as a list of byte sets and stars.
struct Token {
  bool star = false;
  std::bitset<256> set;
};
// None: it is malformed.
std::optional<std::vector<Token>> tokens_of(std::string_view pattern);
bool name_matches(const std::vector<Token>& tokens, size_t from, std::string_view name);

std::vector<std::string> split(std::string_view path);

// Which rules decide, for a valid path. Level by level: the last rule that matches a name decides
// whether it is seen, and for each term the last that matches it or a directory that leads to it.
// Nothing below what is hidden, denied or masked is other than it.
Decision reference_decide(const WrittenRules& rules, std::string_view path, bool is_directory,
                          int64_t now = 0);

}  // namespace sluice::test
