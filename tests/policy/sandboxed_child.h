// Runs calls under a filter in a child and tells what the kernel did.
#pragma once

#include <span>
#include <vector>

#include "sandbox/bpf_eval.h"

namespace sluice::sandbox {

struct ChildResult {
  bool installed = false;     // the kernel took the program
  int install_error = 0;      // errno where it did not
  std::vector<long> results;  // of each call that returned
  int signal = 0;             // that ended the child; SIGILL: it was through
  int status = -1;            // with which it exited
};

// The child has no open descriptors, makes exactly the given calls and ends itself by an illegal
// instruction. With i386 the number of each call goes through int 0x80.
ChildResult run_filtered(std::span<const Instruction> program, std::span<const CallData> calls,
                         bool i386 = false);

}  // namespace sluice::sandbox
