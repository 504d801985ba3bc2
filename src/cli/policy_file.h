// The policy file. Unprivileged: what comes of it is checked again by service, broker and worker.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <vector>

namespace sluice::cli {

// The patterns of FILE, in order. TOML with one key: hide = ["PATTERN", ...]. Errors name line and
// column.
absl::StatusOr<std::vector<std::string>> read_policy(const std::string& file);

}  // namespace sluice::cli
