// Other directories in a view's tree.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

#include "cli/policy_rules.h"
#include "core/grafts.h"
#include "os/fd.h"

namespace sluice::cli {

// How a place is written.
inline constexpr std::string_view kHowPlaces =
    "AT is a path in the view, without '/' at its ends, \".\" or \"..\"";

// Of the command line: AT=DIRECTORY, with ":ro" behind it read-only. Each in the place of what the
// policy has there.
absl::Status add_grafts(Policy& policy, const std::vector<std::string>& words);

struct Grafts {
  std::vector<core::Graft> places;  // in order
  std::vector<os::Fd> directories;  // O_PATH, of each
};
// Errors say where the graft was written. source: O_PATH; none: the tree holds nothing but grafts,
// whose places need not be there; unknown (nullptr): only what is in another graft is looked for.
absl::StatusOr<Grafts> open_grafts(const std::vector<PolicyGraft>& grafts, const os::Fd* source);

// As a list of grafts has them, without their directories.
std::vector<core::Graft> places_of(const std::vector<PolicyGraft>& grafts);

}  // namespace sluice::cli
