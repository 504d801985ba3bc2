// What the rules do to an operation before it is carried out. PURE.
//
// The first of the two stages through which every rule acts; the second is core/appearance.h, which
// says how what was found is shown. The worker asks before() with each path of a request; the broker
// asks it itself for all that it opens or changes, and its verdict counts. What a rule hides is refused
// here too, and besides left out of listings by the worker.
#pragma once

#include <cstdint>

#include "core/result.h"
#include "core/rules.h"

namespace sluice::core {

enum class Operation : uint8_t {
  kLook,         // look it up, read its attributes
  kEnter,        // look up what is in it
  kRead,         // open it for reading, read its target or its extended attributes
  kList,         // list it
  kWrite,        // open it for writing, change its size
  kChange,       // its attributes and extended attributes; core/appearance.h may forbid some
  kMake,         // make, or replace, what has the name
  kRemove,       // take the name away
};

Outcome before(const Terms& terms, Operation operation);

// Whether a rule makes the file read-only, so that its grant is one too.
bool is_read_only(const Terms& terms);

// before(), and what is hidden is not there.
Outcome before(const Rules& rules, const Decision& decision, Operation operation);

}  // namespace sluice::core
