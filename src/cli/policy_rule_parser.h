// One [[rule]] of a policy: its paths, and what is said of them.
#pragma once

#include <absl/status/status.h>

#include <vector>

#include "cli/policy_nodes.h"
#include "cli/policy_rules.h"

namespace sluice::cli {

// Adds a rule for each path and each thing that is said of it, in the order of the paths.
absl::Status parse_rule(const FileName& file, const toml::table& table,
                        std::vector<PolicyRule>* rules);

}  // namespace sluice::cli
