// The [view] table of a policy file: of which directory, where, and as whom.
#pragma once

#include <absl/status/status.h>

#include <vector>

#include "cli/policy_nodes.h"

namespace sluice::cli {

struct ViewTable {
  Place place;
  Item source, target, identity, name;  // without a text: not given
  std::vector<Item> command;            // for `sluice run`
};
// Paths are absolute, since a service has no directory of its own that people would know.
absl::Status parse_view(const FileName& file, const toml::table& table, ViewTable* out);

}  // namespace sluice::cli
