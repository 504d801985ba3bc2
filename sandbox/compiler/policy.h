// A policy as its author wrote it: the calls that a process may make, and why.
//
//   default kill
//   include worker-ro
//
//   # the reason of the line below
//   openat when arg0 <= FD_MAX and arg2 == O_PATH|O_NOFOLLOW|O_CLOEXEC
//
// Several lines for one call are alternatives. What no line allows kills the process.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sandbox/compiler/calls.h"
#include "sandbox/compiler/diagnostic.h"

namespace sluice::sandbox {

enum class Relation { kEqual, kAtMost, kAtLeast };

// argN == VALUE, argN & MASK == VALUE, argN <= VALUE, argN >= VALUE. Mask and value are cut to the
// width that the kernel reads of the argument; comparisons are unsigned.
struct Condition {
  unsigned arg = 0;  // 0 to 5
  Relation relation = Relation::kEqual;
  bool masked = false;
  uint64_t mask = 0;  // the whole width, unless masked
  uint64_t value = 0;
  Position at;
  Position mask_at;
  Position value_at;
};

struct Rule {
  std::string call;
  uint32_t number = 0;             // on x86-64
  const CallInfo* info = nullptr;  // null: the arguments of this call are not known here
  std::vector<Condition> conditions;
  std::string text;         // the conditions as written; empty without
  std::string reason;       // the comment above it, or above the line of the same call before it
  bool own_reason = false;  // the comment stands directly above this line
  bool extra = false;       // from a file that was given with --extra
  Position at;
};

struct Policy {
  std::string name;
  std::vector<Rule> rules;
};

}  // namespace sluice::sandbox
