// What is known of system calls: numbers, the widths of their arguments, how dangerous they are.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace sluice::sandbox {

// One letter per argument says how much of the register the kernel reads:
//   i  an int or unsigned int: the lower 32 bits
//   m  a umode_t: the lower 16 bits
//   l  a long, size_t, off_t: all 64 bits
//   p  a pointer: all 64 bits; a filter cannot follow it
struct CallInfo {
  std::string_view name;
  std::string_view args;
};

// Null for calls that are not in the table (calls.cc).
const CallInfo* find_call_info(std::string_view name);

// The bits that the kernel reads of an argument of this letter.
uint64_t width_mask(char letter);

// The number on x86-64: from libseccomp, or for calls that are newer than it from our own table.
std::optional<uint32_t> call_number(std::string_view name);

// Calls that are newer than the oldest libseccomp that we build with.
struct NewCall {
  std::string_view name;
  uint32_t number;
  std::string_view source;  // where the number comes from
};
std::span<const NewCall> new_calls();

// Calls that reach beyond the process, make code, fds or processes, or change files: each line of a
// policy that allows one says why.
bool is_dangerous(std::string_view name);

// Calls that take a path and no directory fd: what they reach depends on the working directory.
bool takes_bare_path(std::string_view name);

}  // namespace sluice::sandbox
