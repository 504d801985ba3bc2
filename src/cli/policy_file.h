// A policy with all that it includes. Unprivileged: what comes of it is checked again by service,
// broker and worker.
#pragma once

#include <absl/status/statusor.h>

#include <string>

#include "cli/policy_rules.h"
#include "cli/policy_view.h"

namespace sluice::cli {

// word: a file, or the name of a ready policy. Errors name file, line and column.
absl::StatusOr<Policy> read_policy(const std::string& word);

// A file that must have a [view] table.
struct ViewFile {
  Policy policy;
  ViewTable view;
};
absl::StatusOr<ViewFile> read_view(const std::string& file);

struct CompiledPolicy {
  Policy policy;
  core::Rules rules;
};
absl::StatusOr<CompiledPolicy> load_policy(const std::string& word);

}  // namespace sluice::cli
