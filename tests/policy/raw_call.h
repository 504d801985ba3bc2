// System calls without a C library between: every register is the test's.
#pragma once

#include <cstdint>

extern "C" {
// registers: the number, then six arguments. Returns what the kernel left in rax.
long sluice_raw_call(const uint64_t registers[7]);
// The same number space as i386 programs use; no arguments.
long sluice_raw_call_i386(uint32_t number);
// Right behind the syscall instruction: the instruction pointer that a filter sees.
extern const char sluice_raw_call_ip[];
}
