// What becomes of a call, number by number, in a process that is confined like this one.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "sandbox/confine.h"

namespace sluice::adversary {

inline constexpr uint32_t kProbedCalls = 512;  // above every number that x86-64, x32 and i386 have

enum class CallSpace { kX86_64, kX32, kI386 };

// One letter per number: '.' the kernel killed the process for it, 'A' the call was let through,
// '!' nothing of the two could be seen. confine: the rest of the confinement, in a child per
// number. arguments: of each number, the six; an empty span is zeros.
using Arguments = std::array<uint64_t, 6>;
std::string probe(CallSpace space, std::span<const Arguments> arguments,
                  const std::function<bool()>& confine);

// The arguments with which the program lets each number through, where it lets any.
std::array<Arguments, kProbedCalls> allowed_arguments(
    std::span<const sandbox::Instruction> program);

// All that there is to try, as "SPACE ARGUMENTS LETTERS", one at a time.
void probe_all(std::span<const sandbox::Instruction> program, const std::function<bool()>& confine,
               const std::function<void(std::string)>& tell);

}  // namespace sluice::adversary
