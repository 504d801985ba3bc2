// From what was touched to a policy that shows that, and no more than it must besides.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/policy_file.h"
#include "cli/touches.h"

namespace sluice::cli {

struct LearnedRule {
  std::string access;  // as a policy has it
  std::vector<std::string> paths;
  std::string reason;
  std::vector<std::string> comments = {};  // a line each, safe to print
};

struct SourceName {
  std::string name;
  bool is_directory;
};
// What is in a directory of the source, after the command; nothing where it is gone.
using ListSource = std::function<std::vector<SourceName>(std::string_view path)>;

// careful: the ready policy whose secrets stay hidden unless the command read or changed them,
// which a comment then says. The rules show every other path that was there, and let what was
// changed be changed; where many names of a kind were touched, a pattern stands for them.
absl::StatusOr<std::vector<LearnedRule>> learn_rules(const Touches& touches, const ListSource& list,
                                                     const CompiledPolicy& careful);

// As the text of a policy.
std::string policy_text(const std::vector<std::string>& comments,
                        const std::vector<LearnedRule>& rules);

}  // namespace sluice::cli
