// A policy that was read: its rules, each with where and why it was written, and what they compile
// to.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/rules.h"

namespace sluice::cli {

// Where something was written.
struct Place {
  std::shared_ptr<const std::string> file;  // null: on the command line
  uint32_t line = 0;
  uint32_t column = 0;
};
std::string place_text(const Place& place);  // "FILE:LINE:COLUMN", safe to print
absl::Status problem_at(const Place& place, std::string_view what, std::string_view remedy);

struct PolicyRule {
  std::string pattern;
  core::Rule rule;  // after compile_policy() as it was compiled: kShow where the pattern is negated
  std::string says;  // for people: "hide", "deny EACCES", "mode go-rwx"
  Place place;
  std::shared_ptr<const std::string> reason;  // null: none was given
};

// Another directory in the tree.
struct PolicyGraft {
  std::string at;         // a path of the view, as core::valid_grafts has it
  std::string directory;  // relative to the working directory, where it is relative
  bool read_only = false;
  Place place;  // of `at`
  Place directory_place;
  std::shared_ptr<const std::string> reason = nullptr;  // null: none was given
};

// The most bytes that a file may have which the command writes.
struct FileSize {
  uint64_t bytes;
  Place place;
};

struct Policy {
  std::string description;  // the comment in the first line
  std::vector<PolicyRule> rules;
  std::vector<PolicyGraft> grafts;  // in the order of their places, no two at one
  bool read_only = false;
  std::optional<uint32_t> coherence_milliseconds;
  std::optional<FileSize> file_size = {};
};

// A graft, in the place of any that is at the same path.
void put_graft(Policy& policy, PolicyGraft graft);

// Of the command line: after the policy's own.
void add_hidden(Policy& policy, const std::vector<std::string>& patterns);

// Errors say where the rule was written.
absl::StatusOr<core::Rules> compile_policy(Policy& policy);

}  // namespace sluice::cli
