#include "cli/policy_warnings.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "cli/policy_values.h"
#include "core/compiler.h"
#include "core/glob.h"
#include "core/matcher.h"

namespace sluice::cli {
namespace {

// Of all patterns that are tried on the rules: hostile ones make the matcher forget all that it
// learned each time.
constexpr size_t kMostTriedBytes = 256 * 1024;

using core::Step;
using core::StepKind;

bool is_timed(const core::Rule& rule) { return rule.from != 0 || rule.until != 0; }

// Which of a decision's numbers a rule competes for.
size_t contest_of(const core::Rule& rule) {
  return core::is_about_sight(rule.effect) ? core::kTerms
                                           : static_cast<size_t>(core::term_of(rule.effect));
}
uint16_t winner(const core::Decision& decision, size_t contest) {
  return contest == core::kTerms ? decision.sight : decision.terms[contest];
}

bool is_literal(std::string_view name) {
  return name.find_first_of("*?[\\") == std::string_view::npos;
}

// Without the marks before and behind it.
std::string_view bare(std::string_view pattern) {
  if (pattern.starts_with('!')) pattern.remove_prefix(1);
  if (pattern.ends_with('/')) pattern.remove_suffix(1);
  return pattern;
}
std::string_view last_name(std::string_view pattern) {
  pattern = bare(pattern);
  return pattern.substr(pattern.rfind('/') + 1);
}

// A pattern's names.
struct Names {
  bool anchored;
  std::vector<std::string_view> each;

  explicit Names(std::string_view pattern) {
    pattern = bare(pattern);
    anchored = pattern.find('/') != std::string_view::npos;
    if (pattern.starts_with('/')) pattern.remove_prefix(1);
    for (;;) {
      const size_t slash = pattern.find('/');
      each.push_back(pattern.substr(0, slash));
      if (slash == std::string_view::npos) break;
      pattern.remove_prefix(slash + 1);
    }
  }
  // The names before the first wildcard, but for the last name of all, as a path.
  std::string fixed_directory() const {
    std::string path;
    for (size_t i = 0; anchored && i + 1 < each.size() && is_literal(each[i]); ++i) {
      absl::StrAppend(&path, path.empty() ? "" : "/", std::string(each[i]));
    }
    return path;
  }
  // The one path that it matches, if it is one.
  std::string only_path() const {
    if (!anchored || !is_literal(each.back())) return {};
    const std::string directory = fixed_directory();
    if (static_cast<size_t>(std::count(directory.begin(), directory.end(), '/')) +
            (directory.empty() ? 0 : 1) + 1 !=
        each.size())
      return {};
    return absl::StrCat(directory, directory.empty() ? "" : "/", std::string(each.back()));
  }
};

class Finder {
 public:
  Finder(const Policy& policy, const core::Rules& rules)
      : policy_(policy), rules_(rules), now_(::time(nullptr)), matcher_(rules, now_) {
    for (const PolicyRule& rule : policy.rules) timed_ |= is_timed(rule.rule);
  }

  std::vector<PolicyWarning> find() {
    note_overriders();
    note_hiders();
    for (size_t i = 0; i < policy_.rules.size(); ++i) {
      const PolicyRule& rule = policy_.rules[i];
      if (rule.place.file == nullptr) continue;
      if (overridden(i) || never_hidden(i)) continue;
      if (!timed_) below_what_is_closed(i);
    }
    if (!timed_) unseen_grafts();
    return std::move(warnings_);
  }

 private:
  // For each pattern and contest the last rule without a time, that is about files too or not.
  struct Overrider {
    size_t any = 0;        // numbers, from 1 on; 0: none
    size_t directory = 0;  // about directories only
  };
  // What a pattern matches and what it competes for, as bytes.
  static std::string same_of(const std::vector<Step>& steps, size_t contest) {
    std::string same(1, static_cast<char>(contest));
    for (const Step& step : steps) {
      same += static_cast<char>(step.kind);
      same += static_cast<char>(step.value);
    }
    return same;
  }

  void warn(size_t i, std::string_view what, std::string_view remedy) {
    const PolicyRule& rule = policy_.rules[i];
    warnings_.push_back(
        {rule.place,
         absl::StrCat("rule ", in_quotes(rule.pattern), " (", rule.says, ") ", std::string(what)),
         std::string(remedy)});
  }

  bool affordable(std::string_view pattern) {
    tried_bytes_ += pattern.size();
    return tried_bytes_ <= kMostTriedBytes;
  }

  void note_overriders() {
    std::vector<core::ByteSet> sets;
    for (size_t i = 0; i < policy_.rules.size(); ++i) {
      core::Pattern pattern;
      (void)core::take_apart(policy_.rules[i].pattern, sets, &pattern);
      const core::Rule& rule = policy_.rules[i].rule;
      same_.push_back(same_of(pattern.steps, contest_of(rule)));
      if (is_timed(rule)) continue;
      Overrider& last = last_[same_.back()];
      (rule.directory_only ? last.directory : last.any) = i + 1;
    }
  }

  bool overridden(size_t i) {
    const core::Rule& rule = policy_.rules[i].rule;
    size_t by = 0;
    static const std::vector<Step> kEverything = {{StepKind::kDeep, 0}, {StepKind::kStar, 0}};
    for (const std::string& same : {same_[i], same_of(kEverything, contest_of(rule))}) {
      const auto found = last_.find(same);
      if (found == last_.end()) continue;
      by = std::max(by, found->second.any);
      if (rule.directory_only) by = std::max(by, found->second.directory);
    }
    if (by <= i + 1 && !timed_) by = winner_of_only_path(i);
    if (by <= i + 1 || policy_.rules[by - 1].place.file != policy_.rules[i].place.file)
      return false;
    warn(i,
         absl::StrCat("never decides: the later rule at ", place_text(policy_.rules[by - 1].place),
                      " does"),
         "take one of the two out");
    return true;
  }

  // The rule that decides wherever this one could, if this one matches a single path; else 0.
  size_t winner_of_only_path(size_t i) {
    if (!affordable(policy_.rules[i].pattern)) return 0;
    const std::string path = Names(policy_.rules[i].pattern).only_path();
    if (path.empty()) return 0;
    const core::Rule& rule = policy_.rules[i].rule;
    const core::Verdicts verdicts = matcher_.decide(path);
    const size_t directory = winner(verdicts.directory, contest_of(rule));
    const size_t file = rule.directory_only ? directory : winner(verdicts.file, contest_of(rule));
    // Above the path something may be closed: that has a warning of its own.
    return directory > i + 1 && file > i + 1 && directory <= policy_.rules.size() &&
                   file <= policy_.rules.size()
               ? std::min(directory, file)
               : 0;
  }

  // The last names of all that hides, the latest first: the last rule of these that matches a name
  // is the first that can hide it. With a '/', behind which neither '!' nor '#' is special.
  void note_hiders() {
    std::vector<std::string> last_names;
    std::vector<core::WrittenRule> written;
    for (size_t i = policy_.rules.size(); i-- > 0;) {
      const PolicyRule& rule = policy_.rules[i];
      if (rule.rule.effect != core::Effect::kHide) continue;
      first_hider_ = i;
      last_names.push_back(absl::StrCat("/", std::string(last_name(rule.pattern))));
      hiders_.push_back(i);
    }
    for (const std::string& name : last_names) written.push_back({name, {core::Effect::kHide}});
    auto compiled = core::compile(written);
    if (auto* hiding = std::get_if<core::Rules>(&compiled)) hiding_ = std::move(*hiding);
    hider_matcher_.emplace(hiding_, now_);
  }

  bool never_hidden(size_t i) {
    if (policy_.rules[i].rule.effect != core::Effect::kShow) return false;
    bool hidden = first_hider_ < i;
    const std::string_view last = last_name(policy_.rules[i].pattern);
    if (hidden && is_literal(last) && !hiding_.empty()) {
      const uint16_t earliest = hider_matcher_->decide(last).directory.sight;
      hidden = earliest != 0 && (earliest == core::kNoPath || hiders_[earliest - 1u] < i);
    }
    if (hidden) return false;
    warn(i, "shows what no rule before it hides",
         "put it behind the rule that hides, or take it out");
    return true;
  }

  void below_what_is_closed(size_t i) {
    if (!affordable(policy_.rules[i].pattern)) return;
    const std::string directory = Names(policy_.rules[i].pattern).fixed_directory();
    if (directory.empty()) return;
    const core::Decision decision = matcher_.decide(directory).directory;
    if (decision.sight == core::kNoPath) return;
    const core::TermValue access = rules_.find(decision, core::Term::kAccess);
    uint16_t by = 0;
    if (rules_.hides(decision))
      by = decision.sight;
    else if (access.effect == core::Effect::kDeny || access.effect == core::Effect::kMask)
      by = decision.term(core::Term::kAccess);
    if (by == 0) return;
    const PolicyRule& closing = policy_.rules[by - 1u];
    if (closing.place.file == nullptr) return;
    warn(i,
         absl::StrCat("never decides: ", in_quotes(directory), " has \"", closing.says, "\" by ",
                      place_text(closing.place), ", and so has all that is below"),
         closing.rule.effect == core::Effect::kHide
             ? "hide what is in the directory instead, as \"/directory/*\""
             : "take one of the two out");
  }

  void unseen_grafts() {
    for (const PolicyGraft& graft : policy_.grafts) {
      const core::Decision decision = matcher_.decide(graft.at).directory;
      if (graft.place.file == nullptr || !rules_.hides(decision) || decision.sight == core::kNoPath)
        continue;
      const PolicyRule& hiding = policy_.rules[decision.sight - 1u];
      if (hiding.place.file == nullptr) continue;
      warnings_.push_back({graft.place,
                           absl::StrCat("the graft at ", in_quotes(graft.at), " is never seen: ",
                                        place_text(hiding.place), " hides it"),
                           "take one of the two out"});
    }
  }

  const Policy& policy_;
  const core::Rules& rules_;
  const int64_t now_;
  core::Matcher matcher_;
  bool timed_ = false;
  size_t tried_bytes_ = 0;
  std::vector<std::string> same_;  // of each rule
  std::unordered_map<std::string, Overrider> last_;
  size_t first_hider_ = SIZE_MAX;
  std::vector<size_t> hiders_;
  core::Rules hiding_;
  std::optional<core::Matcher> hider_matcher_;
  std::vector<PolicyWarning> warnings_;
};

}  // namespace

void tell_idle_rules(const Policy& policy, const core::Rules& rules) {
  constexpr size_t kMostTold = 10;
  const std::vector<PolicyWarning> warnings = find_idle_rules(policy, rules);
  for (size_t i = 0; i < std::min(warnings.size(), kMostTold); ++i) {
    std::fprintf(stderr, "sluice: %s: warning: %s\n", place_text(warnings[i].place).c_str(),
                 warnings[i].what.c_str());
  }
  if (warnings.size() > kMostTold) {
    std::fprintf(stderr, "sluice: and %zu more rules never decide: see sluice policy check\n",
                 warnings.size() - kMostTold);
  }
}

std::vector<PolicyWarning> find_idle_rules(const Policy& policy, const core::Rules& rules) {
  return Finder(policy, rules).find();
}

}  // namespace sluice::cli
