// The instructions of classic BPF that seccomp accepts. PURE.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sandbox/bpf_eval.h"

namespace sluice::sandbox {

inline constexpr size_t kBpfMaxLength = 4096;
inline constexpr size_t kBpfCells = 16;
inline constexpr uint32_t kBpfDataSize = 64;  // of struct seccomp_data

// Opcodes: class | size or operation | mode or source, as in linux/bpf_common.h.
enum Opcode : uint16_t {
  kLdAbs = 0x20,
  kLdImm = 0x00,
  kLdMem = 0x60,
  kLdLen = 0x80,
  kLdxImm = 0x01,
  kLdxMem = 0x61,
  kLdxLen = 0x81,
  kSt = 0x02,
  kStx = 0x03,
  kAddK = 0x04,
  kAddX = 0x0c,
  kSubK = 0x14,
  kSubX = 0x1c,
  kMulK = 0x24,
  kMulX = 0x2c,
  kDivK = 0x34,
  kDivX = 0x3c,
  kOrK = 0x44,
  kOrX = 0x4c,
  kAndK = 0x54,
  kAndX = 0x5c,
  kLshK = 0x64,
  kLshX = 0x6c,
  kRshK = 0x74,
  kRshX = 0x7c,
  kNeg = 0x84,
  kXorK = 0xa4,
  kXorX = 0xac,
  kJa = 0x05,
  kJeqK = 0x15,
  kJeqX = 0x1d,
  kJgtK = 0x25,
  kJgtX = 0x2d,
  kJgeK = 0x35,
  kJgeX = 0x3d,
  kJsetK = 0x45,
  kJsetX = 0x4d,
  kRetK = 0x06,
  kRetA = 0x16,
  kTax = 0x07,
  kTxa = 0x87,
};

constexpr bool is_return(uint16_t code) { return code == kRetK || code == kRetA; }

constexpr bool is_conditional_jump(uint16_t code) {
  const uint16_t with_constant = code & 0xfff7;
  return with_constant == kJeqK || with_constant == kJgtK || with_constant == kJgeK ||
         with_constant == kJsetK;
}

// Faults that one instruction has by itself, wherever it stands.
BpfFault bpf_fault_of(const Instruction& insn);

}  // namespace sluice::sandbox
