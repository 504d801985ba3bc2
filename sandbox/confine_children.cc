#include "sandbox/confine_children.h"

#include <cap-ng.h>

#include <cerrno>

namespace sluice::sandbox {

core::Outcome drop_bounding_set() {
  capng_clear(CAPNG_SELECT_BOUNDS);
  if (capng_apply(CAPNG_SELECT_BOUNDS) != 0) return core::Failure{EPERM, core::Reason::kSystem};
  return core::Done{};
}

core::Outcome keep_capabilities_for_children(std::span<const int> keep) {
  capng_clear(CAPNG_SELECT_BOTH);
  for (const int capability : keep) {
    if (capng_update(CAPNG_ADD,
                     static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED |
                                               CAPNG_BOUNDING_SET),
                     static_cast<unsigned>(capability)) != 0) {
      return core::Failure{EPERM, core::Reason::kSystem};
    }
  }
  if (capng_apply(CAPNG_SELECT_BOTH) != 0) return core::Failure{EPERM, core::Reason::kSystem};
  return core::Done{};
}

}  // namespace sluice::sandbox
