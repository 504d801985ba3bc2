// Compiles a policy to BPF through libseccomp.
#pragma once

#include <string>
#include <vector>

#include "sandbox/bpf_eval.h"
#include "sandbox/compiler/policy.h"

namespace sluice::sandbox {

// Of a policy that passed resolve() and lint(). Every call that no line allows is answered with
// deny; calls of another architecture, and x32 ones, with KILL_PROCESS. Empty where libseccomp
// failed; error then says at which call.
std::vector<Instruction> build_program(const Policy& policy, std::string& error,
                                       uint32_t deny = kActionKillProcess);

}  // namespace sluice::sandbox
