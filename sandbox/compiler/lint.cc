#include "sandbox/compiler/lint.h"

#include <algorithm>
#include <string>

#include "sandbox/compiler/cubes.h"

namespace sluice::sandbox {
namespace {

// The marker counts only with something said after it.
bool says_landlock(const std::string& reason) {
  constexpr std::string_view kMarker = "landlock:";
  const size_t at = reason.find(kMarker);
  return at != std::string::npos &&
         reason.find_first_not_of(" \t", at + kMarker.size()) != std::string::npos;
}

bool same(const Rule& a, const Rule& b) {
  return std::equal(a.conditions.begin(), a.conditions.end(), b.conditions.begin(),
                    b.conditions.end(), [](const Condition& x, const Condition& y) {
                      return x.arg == y.arg && x.relation == y.relation && x.mask == y.mask &&
                             x.value == y.value;
                    });
}

std::string place(const Rule& rule) { return rule.at.file + ":" + std::to_string(rule.at.line); }

void lint_reason(const Rule& rule, Diagnostics& diagnostics) {
  const std::string name = "'" + rule.call + "'";
  if (takes_bare_path(rule.call) && !rule.extra) {
    diagnostics.push_back({rule.at, name + " takes a path and no directory fd: it never passes"});
  } else if (!rule.own_reason && (is_dangerous(rule.call) || takes_bare_path(rule.call))) {
    diagnostics.push_back(
        {rule.at, name + " is dangerous: say why in a comment directly above this line"});
  } else if (rule.call == "openat2" && !says_landlock(rule.reason)) {
    diagnostics.push_back(
        {rule.at, name + " needs 'landlock: ...' in its reason, saying what bounds it"});
  }
}

void lint_conditions(const Rule& rule, Diagnostics& diagnostics) {
  const size_t cubes = cubes_of(rule).size();
  if (cubes == 0) {
    diagnostics.push_back({rule.at, "never true: the conditions contradict each other"});
  } else if (cubes > kMostCubes) {
    diagnostics.push_back({rule.at, "the ranges multiply to more than " +
                                        std::to_string(kMostCubes) + " comparisons"});
  }
}

void lint_pair(const Rule& first, const Rule& second, Diagnostics& diagnostics) {
  if (first.number != second.number || first.extra != second.extra) return;
  if (same(first, second)) {
    diagnostics.push_back({second.at, "says the same as " + place(first)});
  } else if (first.conditions.empty()) {
    diagnostics.push_back({second.at, "is pointless: no condition at " + place(first)});
  } else if (second.conditions.empty()) {
    diagnostics.push_back({second.at, "makes the conditions pointless at " + place(first)});
  }
}

}  // namespace

bool lint(const Policy& policy, Diagnostics& diagnostics) {
  const size_t before = diagnostics.size();
  for (size_t i = 0; i < policy.rules.size(); ++i) {
    lint_reason(policy.rules[i], diagnostics);
    lint_conditions(policy.rules[i], diagnostics);
    for (size_t j = 0; j < i; ++j) lint_pair(policy.rules[j], policy.rules[i], diagnostics);
  }
  return diagnostics.size() == before;
}

}  // namespace sluice::sandbox
