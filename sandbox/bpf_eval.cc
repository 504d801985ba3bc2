#include "sandbox/bpf_eval.h"

#include "sandbox/bpf_opcodes.h"

namespace sluice::sandbox {
namespace {

struct Machine {
  uint32_t a = 0;
  uint32_t x = 0;
  std::array<uint32_t, kBpfCells> cells{};
  uint32_t written = 0;  // one bit per cell
};

uint32_t load(const CallData& call, uint32_t offset) {
  if (offset == 0) return call.nr;
  if (offset == 4) return call.arch;
  const uint64_t word = offset < 16 ? call.instruction_pointer : call.args[(offset - 16) / 8];
  return static_cast<uint32_t>(offset % 8 == 0 ? word : word >> 32);
}

bool compare(uint16_t code, const Machine& machine, uint32_t k) {
  const uint32_t other = (code & 0x08) != 0 ? machine.x : k;
  switch (code & 0xf7) {
    case kJeqK:
      return machine.a == other;
    case kJgtK:
      return machine.a > other;
    case kJgeK:
      return machine.a >= other;
    default:
      return (machine.a & other) != 0;
  }
}

// Loads, stores and arithmetic. False where X is 0 and divides: the kernel then returns 0.
bool step(const Instruction& insn, const CallData& call, Machine& m) {
  const uint32_t source = (insn.code & 0x08) != 0 ? m.x : insn.k;  // of arithmetic only
  switch (insn.code) {
    case kLdAbs:
      m.a = load(call, insn.k);
      break;
    case kLdImm:
      m.a = insn.k;
      break;
    case kLdMem:
      m.a = m.cells[insn.k];
      break;
    case kLdLen:
      m.a = kBpfDataSize;
      break;
    case kLdxImm:
      m.x = insn.k;
      break;
    case kLdxMem:
      m.x = m.cells[insn.k];
      break;
    case kLdxLen:
      m.x = kBpfDataSize;
      break;
    case kSt:
      m.cells[insn.k] = m.a;
      m.written |= 1u << insn.k;
      break;
    case kStx:
      m.cells[insn.k] = m.x;
      m.written |= 1u << insn.k;
      break;
    case kAddK:
    case kAddX:
      m.a += source;
      break;
    case kSubK:
    case kSubX:
      m.a -= source;
      break;
    case kMulK:
    case kMulX:
      m.a *= source;
      break;
    case kDivK:
    case kDivX:
      if (source == 0) return false;
      m.a /= source;
      break;
    case kOrK:
    case kOrX:
      m.a |= source;
      break;
    case kAndK:
    case kAndX:
      m.a &= source;
      break;
    case kXorK:
    case kXorX:
      m.a ^= source;
      break;
    case kLshK:
    case kLshX:
      m.a <<= source & 31;
      break;  // the kernel masks a shift by X so
    case kRshK:
    case kRshX:
      m.a >>= source & 31;
      break;
    case kNeg:
      m.a = 0 - m.a;
      break;
    case kTax:
      m.x = m.a;
      break;
    default:
      m.a = m.x;
      break;  // kTxa
  }
  return true;
}

}  // namespace

BpfVerdict bpf_evaluate(std::span<const Instruction> program, const CallData& call) {
  if (program.empty() || program.size() > kBpfMaxLength) return {BpfFault::kLength, 0, 0};
  Machine machine;
  uint64_t next = 0;
  size_t at = 0;
  // Every turn moves forward, so there are at most program.size() of them.
  while (next < program.size()) {
    at = static_cast<size_t>(next);
    const Instruction& insn = program[at];
    if (const BpfFault fault = bpf_fault_of(insn); fault != BpfFault::kNone) return {fault, 0, at};
    if (insn.code == kRetK) return {BpfFault::kNone, insn.k, at};
    if (insn.code == kRetA) return {BpfFault::kNone, machine.a, at};
    if ((insn.code == kLdMem || insn.code == kLdxMem) && (machine.written >> insn.k & 1) == 0) {
      return {BpfFault::kMemory, 0, at};
    }
    next = uint64_t{at} + 1;
    if (insn.code == kJa) {
      next += insn.k;
    } else if (is_conditional_jump(insn.code)) {
      next += compare(insn.code, machine, insn.k) ? insn.jt : insn.jf;
    } else if (!step(insn, call, machine)) {
      return {BpfFault::kNone, kActionKillThread, at};
    }
  }
  return {next == uint64_t{at} + 1 ? BpfFault::kNoReturn : BpfFault::kJump, 0, at};
}

}  // namespace sluice::sandbox
