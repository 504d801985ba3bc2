// The text of one policy file, taken apart. TOML; the manual is sluice-policy(5).
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/policy_nodes.h"
#include "cli/policy_rules.h"
#include "cli/policy_view.h"

namespace sluice::cli {

struct PolicyFile {
  std::string description;  // the comment in its first line
  std::vector<Item> includes;
  std::vector<PolicyRule> rules;
  std::vector<PolicyGraft> grafts;  // in the order of the file; directories as they are written
  std::optional<bool> read_only;
  std::optional<uint32_t> coherence_milliseconds;
  std::optional<FileSize> file_size;
  std::optional<ViewTable> view;
};

// text: not more than kMostPolicyBytes. Takes time and memory in proportion to it.
absl::StatusOr<PolicyFile> parse_policy(const FileName& file, std::string_view text);

}  // namespace sluice::cli
