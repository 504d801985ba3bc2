#include "core/filter.h"

#include <cerrno>

namespace sluice::core {
namespace {

bool is_change(Operation operation) { return operation >= Operation::kWrite; }

}  // namespace

Outcome before(const Rules& rules, const Decision& decision, Operation operation) {
  if (!rules.hides(decision)) return before(rules.resolve(decision), operation);
  return Failure{operation == Operation::kMake ? EACCES : ENOENT, Reason::kHidden};
}

Outcome before(const Terms& terms, Operation operation) {
  const TermValue& access = terms.of(Term::kAccess);
  if (access.effect == Effect::kDeny && operation != Operation::kLook) {
    return Failure{static_cast<int>(access.value), Reason::kDenied};
  }
  // What is masked is empty, also for who knows what is in it.
  if (access.effect == Effect::kMask && operation == Operation::kEnter) return Failure{ENOENT, Reason::kHidden};
  if (is_read_only(terms) && is_change(operation)) return Failure{EROFS, Reason::kReadOnlyRule};
  return Done{};
}

bool is_read_only(const Terms& terms) { return terms.of(Term::kAccess).effect != Effect::kReadWrite; }

}  // namespace sluice::core
