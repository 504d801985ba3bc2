// What a policy means, said a second time and without BPF: the measure for the compiled program.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sandbox/bpf_eval.h"
#include "sandbox/compiler/policy.h"

namespace sluice::sandbox {

inline constexpr uint32_t kHighestCall = 511;  // above every number that x86-64 has

// Whether a line of the resolved policy allows the call. Reads the conditions as they stand in the
// text, not the comparisons that they are compiled to.
bool allows(const Policy& policy, const CallData& call);

// Calls of this number worth trying: at, beside and one bit away from each value that a condition
// names, combined over the arguments, with clean and with dirty upper halves.
std::vector<CallData> corners_of(const Policy& policy, uint32_t number);

// Tries the corners of every number up to kHighestCall, and a few others, on x86-64, x32 and i386.
// Returns the first call whose action is not the one that the policy means, in words; empty if
// none.
std::string first_difference(const Policy& policy, std::span<const Instruction> program);

}  // namespace sluice::sandbox
