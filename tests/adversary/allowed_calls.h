// What a seccomp filter allows, read from the program alone: no policy text, no compiler.
#pragma once

#include <optional>
#include <span>

#include "sandbox/bpf_eval.h"

namespace sluice::adversary {

struct CallVerdict {
  std::optional<sandbox::CallData> example;  // a call that the program allows; none: it allows none
  bool always = false;                       // whatever the arguments are
  bool understood =
      true;  // false: the program does what filters of ours do not, and nothing is said
};

// Follows every way through the program that the arguments could lead to, finds arguments for each
// that ends in "allow", and evaluates the program with them.
CallVerdict verdict_on(std::span<const sandbox::Instruction> program, uint32_t arch,
                       uint32_t number);

}  // namespace sluice::adversary
