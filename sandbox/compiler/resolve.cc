#include "sandbox/compiler/resolve.h"

#include <bit>
#include <string>
#include <vector>

namespace sluice::sandbox {
namespace {

// Complements and negative symbols reach beyond the width with ones only; these are cut. Any other
// bit beyond it is a mistake.
bool fit(uint64_t& bits, uint64_t width) {
  const uint64_t beyond = bits & ~width;
  bits &= width;
  return beyond == 0 || beyond == ~width;
}

class Resolver {
 public:
  explicit Resolver(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  bool rule(Rule& rule) {
    const auto number = call_number(rule.call);
    if (!number) return fail(rule.at, "'" + rule.call + "' is not a system call of x86-64");
    rule.number = *number;
    rule.info = find_call_info(rule.call);
    for (Condition& condition : rule.conditions) {
      if (!resolve_condition(rule, condition)) return false;
    }
    return true;
  }

 private:
  bool fail(const Position& at, const std::string& message) {
    diagnostics_.push_back({at, message});
    return false;
  }

  bool resolve_condition(const Rule& rule, Condition& c) {
    const std::string arg = "arg" + std::to_string(c.arg);
    if (rule.info == nullptr) {
      return fail(c.at, "the arguments of '" + rule.call + "' are not known: add it to calls.cc");
    }
    if (c.arg >= rule.info->args.size()) {
      return fail(c.at, "'" + rule.call + "' has " + std::to_string(rule.info->args.size()) +
                            " arguments, no " + arg);
    }
    const char letter = rule.info->args[c.arg];
    const uint64_t width = width_mask(letter);
    const std::string bits = std::to_string(std::popcount(width)) + " bits of " + arg;
    if (!c.masked) c.mask = width;
    if (!fit(c.mask, width)) return fail(c.mask_at, "the mask does not fit in the " + bits);
    if (!fit(c.value, width)) return fail(c.value_at, "the value does not fit in the " + bits);
    if (letter == 'p' && (c.masked || c.relation != Relation::kEqual || c.value != 0)) {
      return fail(c.at, arg + " is a pointer: a filter can only compare it with 0");
    }
    if (c.mask == 0) return fail(c.mask_at, "an empty mask makes the condition always true");
    if ((c.value & ~c.mask) != 0) {
      return fail(c.value_at, "never true: the value has bits outside of the mask");
    }
    if ((c.relation == Relation::kAtMost && c.value == width) ||
        (c.relation == Relation::kAtLeast && c.value == 0)) {
      return fail(c.at, "always true");
    }
    return true;
  }

  Diagnostics& diagnostics_;
};

}  // namespace

bool resolve(Policy& policy, Diagnostics& diagnostics) {
  const size_t before = diagnostics.size();
  Resolver resolver(diagnostics);
  std::erase_if(policy.rules, [&](Rule& rule) { return !resolver.rule(rule); });
  return diagnostics.size() == before;
}

}  // namespace sluice::sandbox
