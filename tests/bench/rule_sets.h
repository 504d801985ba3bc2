// Rules and paths to measure: as people write them, and as those do who want it to be slow.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "core/compiler.h"

namespace sluicebench {

struct RuleText {
  std::string pattern;
  sluice::core::Rule rule;
};
using RuleTexts = std::vector<RuleText>;

// Names, endings, directories, places in the tree, all effects: a mixture of so many.
RuleTexts PeoplesRules(size_t count);
// Of a source tree: some of them are what those rules are about.
std::vector<std::string> PeoplesPaths();

// Stars and sets, of which each needs states of its own: a mixture of so many.
RuleTexts HostileRules(size_t count);
std::vector<std::string> HostilePaths();

// Policies that are to take long or much memory, each with what it is made of.
struct HostilePolicy {
  std::string name;
  std::function<RuleTexts()> rules;
};
std::vector<HostilePolicy> HostilePolicies();
// As long as a path may be, and nearly every byte leads to what was never seen.
std::string HostilePath();

}  // namespace sluicebench
