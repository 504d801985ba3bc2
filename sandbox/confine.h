// Giving up what a process does not need any more. Called by the process itself, at its start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/result.h"

namespace sluice::sandbox {

// Leaves exactly `keep` permitted and effective, nothing inheritable, ambient or bounding, and locks
// the securebits: uid 0 means nothing and no exec can give anything back.
core::Outcome keep_capabilities(std::span<const int> keep);

// One instruction of classic BPF, as struct sock_filter has it.
struct Instruction {
  uint16_t code;
  uint8_t jt;
  uint8_t jf;
  uint32_t k;
};

// Installs the program on every thread of this process (SECCOMP_FILTER_FLAG_TSYNC). no_new_privs
// must be set.
core::Outcome install_filter(std::span<const Instruction> program);

}  // namespace sluice::sandbox
