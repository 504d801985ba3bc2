// What policyc makes of a policy: plain data, in a header of its own per policy.
//
//   #include "generated/worker-ro_policy.h"   // CMake: sluice_policy(target worker-ro)
//   install_filter(worker_ro_policy());       // the program; kWorkerRoPolicy has the figures too
#pragma once

#include <span>
#include <string_view>

#include "sandbox/confine.h"

namespace sluice::sandbox {

struct CompiledPolicy {
  std::string_view name;
  std::span<const Instruction> program;
  int calls;                  // distinct system calls
  int calls_with_arguments;   // of these, those that have arguments
  int calls_with_conditions;  // of these, those with conditions on every line
  int lines_with_conditions;
  int lines_without_conditions;
  bool extra;  // has lines for a sanitizer's runtime: never in a release
};

}  // namespace sluice::sandbox
