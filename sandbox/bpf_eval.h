// Evaluates a seccomp filter as a pure function: which action would the kernel take for this call?
//
// PURE: no system header, no system call, no allocation; of confine.h it uses only the struct
// Instruction. Used by the policy compiler, which proves
// each program it writes against the meaning of the text, and by the tests. A program may come from
// anywhere: nothing in it makes these functions read outside of it or run on without end.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "sandbox/confine.h"

namespace sluice::sandbox {

// What a filter sees of a call; the layout is that of the kernel's struct seccomp_data.
struct CallData {
  uint32_t nr = 0;
  uint32_t arch = 0;
  uint64_t instruction_pointer = 0;
  std::array<uint64_t, 6> args{};
};

inline constexpr uint32_t kArchX86_64 = 0xc000003e;  // AUDIT_ARCH_X86_64; x32 calls carry it too
inline constexpr uint32_t kArchI386 = 0x40000003;    // AUDIT_ARCH_I386
inline constexpr uint32_t kX32Bit = 0x40000000;      // set in the number of an x32 call

inline constexpr uint32_t kActionKillProcess = 0x80000000;
inline constexpr uint32_t kActionKillThread = 0x00000000;
inline constexpr uint32_t kActionErrno = 0x00050000;  // the errno is in the lower 16 bits
inline constexpr uint32_t kActionAllow = 0x7fff0000;

enum class BpfFault {
  kNone,
  kLength,    // empty, or longer than the kernel's 4096 instructions
  kOpcode,    // not one that seccomp accepts
  kOffset,    // a load that is unaligned or outside of the call's data
  kJump,      // a jump beyond the end; jumps backward cannot be written down
  kConstant,  // division by a constant 0, or a shift by 32 or more
  kMemory,    // a scratch cell above 15, or one read before it was written
  kNoReturn,  // the last instruction is not a return
};

struct BpfVerdict {
  BpfFault fault = BpfFault::kNone;
  uint32_t action = kActionKillProcess;  // meaningful only without a fault
  size_t at = 0;                         // the instruction that returned or is at fault
};

// The first fault that makes the kernel refuse to install the program, whatever the call.
BpfVerdict bpf_check(std::span<const Instruction> program);

// The action for one call. Needs no bpf_check() before it: a fault on the way ends the evaluation.
BpfVerdict bpf_evaluate(std::span<const Instruction> program, const CallData& call);

}  // namespace sluice::sandbox
