// Rules that can never decide anything, and grafts that are never seen, as far as that can be told simply
// and surely.
#pragma once

#include <string>
#include <vector>

#include "cli/policy_rules.h"

namespace sluice::cli {

struct PolicyWarning {
  Place place;
  std::string what;
  std::string remedy;
};

// One line for each of the first few, and how many more there are, on standard error.
void tell_idle_rules(const Policy& policy, const core::Rules& rules);

// policy: compiled to `rules`. Never warns wrongly; in the order of the rules. Of a rule that one
// of another file overrides, or one of the command line, it says nothing: that is what a file
// includes others for.
std::vector<PolicyWarning> find_idle_rules(const Policy& policy, const core::Rules& rules);

}  // namespace sluice::cli
