// How the rules show what was found. PURE. The second stage behind core/filter.h; the worker's.
#pragma once

#include <cstdint>

#include "core/result.h"
#include "core/rule.h"

namespace sluice::core {

struct Attributes {
  uint32_t mode;  // with the type
  uint32_t uid;
  uint32_t gid;
  uint64_t size;
  uint64_t blocks;  // of 512 bytes
};
void after(const Terms& terms, Attributes* attributes);

// kOwner, kGroup, kMode: what a rule says that it is, nobody changes.
Outcome may_change(const Terms& terms, Term attribute);

}  // namespace sluice::core
