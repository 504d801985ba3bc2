// What a policy says of a path: the rules that decide, and what an operation would get.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/policy_rules.h"
#include "core/filter.h"
#include "core/matcher.h"

namespace sluice::cli {

// A rule that decides, of what, and where on the way to the path it matches.
struct Deciding {
  std::string_view term;  // "sight", "access", "owner", "group", "mode", "execution", "names"
  const PolicyRule* rule;
  std::string at;  // the path, or a directory that leads to it
};

class PolicyVerdict {
 public:
  // All borrowed. path: valid, and not the root.
  PolicyVerdict(const Policy& policy, core::Matcher& matcher, std::string_view path,
                bool is_directory);

  bool hidden() const;
  // Which it is in; null: in none, but in the source.
  const PolicyGraft* graft() const { return graft_; }
  // Those of the terms of which a rule says anything, in their order.
  std::vector<Deciding> deciding() const;
  // As an application in the view would get it, if file and permissions have nothing against it.
  core::Outcome outcome(core::Operation operation) const;

 private:
  core::Decision of_directory(std::string_view path) const {
    return matcher_.decide(path).directory;
  }
  core::Outcome by_rules(core::Operation operation) const;
  std::string where(const PolicyRule& rule, uint16_t number) const;

  const Policy& policy_;
  core::Matcher& matcher_;
  std::string_view path_;
  core::Verdicts verdicts_;
  core::Decision decision_;
  const PolicyGraft* graft_ = nullptr;
};

// "hidden", "deny EACCES", "mode go-rwx": of what differs from the source.
std::vector<std::string> marks_of(const Policy& policy, const core::Rules& rules,
                                  const core::Decision& decision);
// The rule that hides; null: there is none of that number.
const PolicyRule* rule_of(const Policy& policy, uint16_t number);

}  // namespace sluice::cli
