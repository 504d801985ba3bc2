#include "sandbox/bpf_opcodes.h"

namespace sluice::sandbox {

BpfFault bpf_fault_of(const Instruction& insn) {
  switch (insn.code) {
    case kLdAbs:
      return insn.k % 4 == 0 && insn.k < kBpfDataSize ? BpfFault::kNone : BpfFault::kOffset;
    case kLdMem:
    case kLdxMem:
    case kSt:
    case kStx:
      return insn.k < kBpfCells ? BpfFault::kNone : BpfFault::kMemory;
    case kDivK:
      return insn.k != 0 ? BpfFault::kNone : BpfFault::kConstant;
    case kLshK:
    case kRshK:
      return insn.k < 32 ? BpfFault::kNone : BpfFault::kConstant;
    case kLdImm:
    case kLdLen:
    case kLdxImm:
    case kLdxLen:
    case kAddK:
    case kAddX:
    case kSubK:
    case kSubX:
    case kMulK:
    case kMulX:
    case kDivX:
    case kOrK:
    case kOrX:
    case kAndK:
    case kAndX:
    case kLshX:
    case kRshX:
    case kNeg:
    case kXorK:
    case kXorX:
    case kJa:
    case kRetK:
    case kRetA:
    case kTax:
    case kTxa:
      return BpfFault::kNone;
    default:
      return is_conditional_jump(insn.code) ? BpfFault::kNone : BpfFault::kOpcode;
  }
}

BpfVerdict bpf_check(std::span<const Instruction> program) {
  if (program.empty() || program.size() > kBpfMaxLength) return {BpfFault::kLength, 0, 0};
  // The cells that are written on every path to an instruction; jumps only lead forward. Like the
  // kernel, this counts falling past a return as a path.
  std::array<uint16_t, kBpfMaxLength> written;
  written.fill(0xffff);
  written[0] = 0;
  for (size_t at = 0; at < program.size(); ++at) {
    const Instruction& insn = program[at];
    if (const BpfFault fault = bpf_fault_of(insn); fault != BpfFault::kNone) return {fault, 0, at};
    uint16_t now = written[at];
    const auto flow_to = [&](uint64_t skip) {
      if (at + 1 + skip >= program.size()) return false;
      written[at + 1 + skip] = static_cast<uint16_t>(written[at + 1 + skip] & now);
      return true;
    };
    if (is_return(insn.code)) {
      flow_to(0);
      continue;
    }
    if ((insn.code == kLdMem || insn.code == kLdxMem) && (now >> insn.k & 1) == 0) {
      return {BpfFault::kMemory, 0, at};
    }
    if (insn.code == kSt || insn.code == kStx) now = static_cast<uint16_t>(now | 1u << insn.k);
    if (insn.code == kJa) {
      if (!flow_to(insn.k)) return {BpfFault::kJump, 0, at};
    } else if (is_conditional_jump(insn.code)) {
      if (!flow_to(insn.jt) || !flow_to(insn.jf)) return {BpfFault::kJump, 0, at};
    } else if (!flow_to(0)) {
      return {BpfFault::kNoReturn, 0, at};
    }
  }
  return {};
}

}  // namespace sluice::sandbox
