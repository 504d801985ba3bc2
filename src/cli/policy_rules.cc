#include "cli/policy_rules.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "cli/output.h"
#include "cli/policy_values.h"
#include "core/compiler.h"
#include "core/escape.h"

namespace sluice::cli {

std::string place_text(const Place& place) {
  if (place.file == nullptr) return "--hide";
  return absl::StrCat(core::escaped(*place.file), ":", place.line, ":", place.column);
}

absl::Status problem_at(const Place& place, std::string_view what, std::string_view remedy) {
  return problem(absl::StatusCode::kInvalidArgument,
                 absl::StrCat(place_text(place), ": ", std::string(what)), remedy);
}

void put_graft(Policy& policy, PolicyGraft graft) {
  const auto at =
      std::lower_bound(policy.grafts.begin(), policy.grafts.end(), graft,
                       [](const PolicyGraft& a, const PolicyGraft& b) { return a.at < b.at; });
  if (at != policy.grafts.end() && at->at == graft.at)
    *at = std::move(graft);
  else
    policy.grafts.insert(at, std::move(graft));
}

void add_hidden(Policy& policy, const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    policy.rules.push_back({pattern, {core::Effect::kHide}, "hide", {}, nullptr});
  }
}

absl::StatusOr<core::Rules> compile_policy(Policy& policy) {
  std::vector<core::WrittenRule> written;
  written.reserve(policy.rules.size());
  for (const PolicyRule& rule : policy.rules) written.push_back({rule.pattern, rule.rule});
  auto compiled = core::compile(written);
  if (const auto* error = std::get_if<core::RuleError>(&compiled)) {
    if (error->rule >= policy.rules.size()) {
      return problem(absl::StatusCode::kInvalidArgument, std::string(error->error.what),
                     "use fewer rules, with patterns that say more");
    }
    const PolicyRule& rule = policy.rules[error->rule];
    const std::string at_byte =
        absl::StrCat("at byte ", error->error.offset + 1, ": ", std::string(error->error.what));
    if (rule.place.file == nullptr) {
      return problem(absl::StatusCode::kInvalidArgument,
                     absl::StrCat("--hide ", in_quotes(rule.pattern), ": ", at_byte),
                     "write it as in gitignore(5), for example '*.key' or '/secrets/'");
    }
    return problem_at(rule.place, absl::StrCat("pattern ", in_quotes(rule.pattern), ": ", at_byte),
                      "write it as in gitignore(5)");
  }
  auto rules = std::get<core::Rules>(std::move(compiled));
  for (size_t i = 0; i < policy.rules.size(); ++i) {
    PolicyRule& rule = policy.rules[i];
    rule.rule = rules.rule(static_cast<uint16_t>(i + 1));
    if (rule.rule.effect == core::Effect::kShow) rule.says = "show";
  }
  return rules;
}

}  // namespace sluice::cli
