// One [[graft]] of a policy: another directory in the tree.
#pragma once

#include <absl/status/status.h>

#include <vector>

#include "cli/policy_nodes.h"
#include "cli/policy_rules.h"

namespace sluice::cli {

// Adds it to the others of its file. Whether there is such a directory is not looked at here.
absl::Status parse_graft(const FileName& file, const toml::table& table,
                         std::vector<PolicyGraft>* grafts);

}  // namespace sluice::cli
