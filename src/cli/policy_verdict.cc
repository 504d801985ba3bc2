#include "cli/policy_verdict.h"

#include <cerrno>

#include "cli/grafts.h"
#include "core/path.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kTermNames[] = {"access", "owner",     "group",
                                           "mode",   "execution", "names"};
static_assert(std::size(kTermNames) == core::kTerms);

uint16_t number_in(const core::Decision& decision, const core::Rule& rule) {
  return core::is_about_sight(rule.effect) ? decision.sight
                                           : decision.term(core::term_of(rule.effect));
}

bool is_change(core::Operation operation) { return operation >= core::Operation::kWrite; }

}  // namespace

const PolicyRule* rule_of(const Policy& policy, uint16_t number) {
  return number == 0 || number > policy.rules.size() ? nullptr : &policy.rules[number - 1u];
}

PolicyVerdict::PolicyVerdict(const Policy& policy, core::Matcher& matcher, std::string_view path,
                             bool is_directory)
    : policy_(policy),
      matcher_(matcher),
      path_(path),
      verdicts_(matcher.decide(path)),
      decision_(verdicts_.of(is_directory)) {
  const std::vector<core::Graft> places = places_of(policy.grafts);
  const uint32_t root = core::place_of(places, path).root;
  if (root != 0) graft_ = &policy.grafts[root - 1];
}

bool PolicyVerdict::hidden() const { return matcher_.rules().hides(decision_); }

std::string PolicyVerdict::where(const PolicyRule& rule, uint16_t number) const {
  for (size_t slash = path_.find('/'); slash != std::string_view::npos;
       slash = path_.find('/', slash + 1)) {
    const std::string_view directory = path_.substr(0, slash);
    const core::Decision above = of_directory(directory);
    // What shows a directory shows nothing below it.
    const bool counts =
        rule.rule.effect != core::Effect::kShow && number_in(above, rule.rule) == number;
    if (counts) return std::string(directory);
  }
  return std::string(path_);
}

std::vector<Deciding> PolicyVerdict::deciding() const {
  std::vector<Deciding> all;
  const auto note = [&](std::string_view term, uint16_t number) {
    const PolicyRule* rule = rule_of(policy_, number);
    if (rule != nullptr) all.push_back({term, rule, where(*rule, number)});
  };
  note("sight", decision_.sight);
  if (hidden()) return all;  // there is nothing more to say
  for (size_t i = 0; i < core::kTerms; ++i) note(kTermNames[i], decision_.terms[i]);
  return all;
}

core::Outcome PolicyVerdict::outcome(core::Operation operation) const {
  auto allowed = by_rules(operation);
  if (!allowed.ok() || graft_ == nullptr || !is_change(operation)) return allowed;
  // In a writable view it is the graft itself that refuses, after the rules.
  const bool of_name = operation == core::Operation::kMake || operation == core::Operation::kRemove;
  if (of_name && path_ == graft_->at) {
    return core::Failure{operation == core::Operation::kMake ? EEXIST : EBUSY,
                         core::Reason::kSystem};
  }
  if (graft_->read_only) return core::Failure{EROFS, core::Reason::kReadOnlyView};
  return allowed;
}

core::Outcome PolicyVerdict::by_rules(core::Operation operation) const {
  const core::Rules& rules = matcher_.rules();
  // Before any file: the kernel refuses to change names in a read-only view.
  const core::Failure read_only{EROFS, core::Reason::kReadOnlyView};
  const bool of_name = operation == core::Operation::kMake || operation == core::Operation::kRemove;
  for (size_t slash = path_.find('/'); slash != std::string_view::npos;
       slash = path_.find('/', slash + 1)) {
    const core::Decision above = of_directory(path_.substr(0, slash));
    auto entered = core::before(rules, above, core::Operation::kEnter);
    if (entered.ok()) continue;
    const bool right_in_it = path_.find('/', slash + 1) == std::string_view::npos;
    if (right_in_it && !rules.hides(above)) {
      // A masked directory looks empty. A name in it could be made, if it were not read-only.
      const bool masked = rules.find(above, core::Term::kAccess).effect == core::Effect::kMask;
      if (masked && operation == core::Operation::kMake) break;
      // To remove a name the kernel wants to write before it looks.
      if (policy_.read_only && operation == core::Operation::kRemove) return read_only;
    }
    return entered;
  }
  if (policy_.read_only && of_name) return read_only;
  if (operation == core::Operation::kMake) {
    // What is hidden whatever it would be; core::may_make of the worker does the same.
    for (const core::Decision* each : {&verdicts_.file, &verdicts_.directory}) {
      if (rules.hides(*each)) return core::before(rules, *each, operation);
    }
  }
  if (policy_.read_only && is_change(operation) && !hidden()) return read_only;
  return core::before(rules, decision_, operation);
}

std::vector<std::string> marks_of(const Policy& policy, const core::Rules& rules,
                                  const core::Decision& decision) {
  if (rules.hides(decision)) return {"hidden"};
  std::vector<std::string> marks;
  for (const uint16_t number : decision.terms) {
    const PolicyRule* rule = rule_of(policy, number);
    if (rule == nullptr) continue;
    // These say that it is as in the source.
    if (rule->rule.effect == core::Effect::kReadWrite ||
        rule->rule.effect == core::Effect::kExecute)
      continue;
    marks.push_back(rule->says);
  }
  return marks;
}

}  // namespace sluice::cli
