// Programs of instructions at random, well-formed or not: the evaluator against the kernel, which
// installs them in a child that makes harmless calls.
#include <linux/filter.h>
#include <signal.h>
#include <sys/syscall.h>

#include <vector>

#include "fuzz/target.h"
#include "sandbox/bpf_eval.h"
#include "tests/policy/raw_call.h"
#include "tests/policy/sandboxed_child.h"

using namespace sluice;
using namespace sluice::sandbox;

namespace {

constexpr uint32_t kHarmless[] = {SYS_getpid, SYS_getppid, SYS_getuid, SYS_getgid, SYS_sched_yield};
constexpr uint16_t kCodes[] = {
    BPF_LD | BPF_W | BPF_ABS,
    BPF_LD | BPF_IMM,
    BPF_LDX | BPF_IMM,
    BPF_LD | BPF_MEM,
    BPF_LDX | BPF_MEM,
    BPF_ST,
    BPF_STX,
    BPF_MISC | BPF_TAX,
    BPF_MISC | BPF_TXA,
    BPF_ALU | BPF_ADD | BPF_K,
    BPF_ALU | BPF_SUB | BPF_X,
    BPF_ALU | BPF_MUL | BPF_K,
    BPF_ALU | BPF_DIV | BPF_K,
    BPF_ALU | BPF_DIV | BPF_X,
    BPF_ALU | BPF_AND | BPF_K,
    BPF_ALU | BPF_OR | BPF_X,
    BPF_ALU | BPF_XOR | BPF_K,
    BPF_ALU | BPF_LSH | BPF_K,
    BPF_ALU | BPF_RSH | BPF_X,
    BPF_ALU | BPF_RSH | BPF_K,
    BPF_ALU | BPF_NEG,
    BPF_JMP | BPF_JA,
    BPF_JMP | BPF_JEQ | BPF_K,
    BPF_JMP | BPF_JGT | BPF_X,
    BPF_JMP | BPF_JGE | BPF_K,
    BPF_JMP | BPF_JSET | BPF_K,
    BPF_RET | BPF_K,
    BPF_LD | BPF_W | BPF_LEN,
    BPF_LD | BPF_H | BPF_ABS,
    BPF_LDX | BPF_W | BPF_LEN,
};

// What is returned kills, allows, or is an errno that no call returns by itself.
uint32_t action_of(uint32_t word) {
  switch (word % 4) {
    case 0:
      return kActionAllow;
    case 1:
      return kActionKillProcess;
    default:
      return kActionErrno | (300 + word % 256);
  }
}

std::vector<Instruction> program_of(fuzz::Choices& choices) {
  std::vector<Instruction> program;
  const size_t length = 1 + choices.below(40);
  const bool tame = choices.byte() % 8 != 0;  // jumps and offsets that are mostly right
  for (size_t left = length; left-- > 0;) {
    Instruction each{choices.one_of(kCodes), choices.byte(), choices.byte(), 0};
    if (!tame && choices.byte() % 8 == 0) each.code = choices.take<uint16_t>();
    each.k = static_cast<uint32_t>(choices.number());
    if (tame) {
      each.jt = static_cast<uint8_t>(each.jt % (left + 1));
      each.jf = static_cast<uint8_t>(each.jf % (left + 1));
      if (each.code == (BPF_JMP | BPF_JA)) each.k %= static_cast<uint32_t>(left + 1);
      if (each.code == (BPF_LD | BPF_W | BPF_ABS)) each.k = each.k % 16 * 4;
      if (each.code == (BPF_ALU | BPF_LSH | BPF_K) || each.code == (BPF_ALU | BPF_RSH | BPF_K))
        each.k %= 32;
      if (each.code == (BPF_ALU | BPF_DIV | BPF_K)) each.k |= 1;
      // Where a way ends early, little is tried of what is behind.
      if (each.code == (BPF_RET | BPF_K) && choices.byte() % 4 != 0)
        each = {BPF_LD | BPF_IMM, 0, 0, each.k};
      const uint16_t kind = each.code & 7;
      if (kind == BPF_ST || kind == BPF_STX || (each.code & 0xe0) == BPF_MEM) each.k %= 16;
    }
    if (each.code == (BPF_RET | BPF_K)) each.k = action_of(each.k);
    program.push_back(each);
  }
  if (choices.flag()) {
    program.push_back({BPF_RET | BPF_K, 0, 0, action_of(choices.byte())});
  } else {
    // What is left in A decides: an errno of 1 to 255, as far as no call returns it by itself.
    program.push_back({BPF_ALU | BPF_AND | BPF_K, 0, 0, 0xff});
    program.push_back({BPF_ALU | BPF_OR | BPF_K, 0, 0, kActionErrno | 0x100});
    program.push_back({BPF_RET | BPF_A, 0, 0, 0});
  }
  return program;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Choices choices(data, size);
  const auto program = program_of(choices);
  std::vector<CallData> calls;
  for (int i = 0; i < 4; ++i) {
    CallData call;
    call.nr = choices.one_of(kHarmless);
    call.arch = kArchX86_64;
    call.instruction_pointer = reinterpret_cast<uint64_t>(sluice_raw_call_ip);
    for (uint64_t& arg : call.args) arg = choices.number();
    calls.push_back(call);
  }
  const BpfVerdict check = bpf_check(program);
  // Without the kernel: a program that is right never fails on the way.
  for (const CallData& call : calls) {
    const BpfVerdict verdict = bpf_evaluate(program, call);
    if (check.fault == BpfFault::kNone) FUZZ_HOLDS(verdict.fault == BpfFault::kNone);
    FUZZ_HOLDS(verdict.at < program.size() || verdict.fault != BpfFault::kNone);
  }
  const ChildResult child = run_filtered(program, calls);
  FUZZ_HOLDS(child.installed == (check.fault == BpfFault::kNone));
  if (!child.installed) return 0;
  for (size_t i = 0; i < calls.size(); ++i) {
    const uint32_t action = bpf_evaluate(program, calls[i]).action;
    if (action == kActionKillProcess || action == kActionKillThread) {
      FUZZ_HOLDS(child.signal == SIGSYS && child.results.size() == i);
      break;
    }
    FUZZ_HOLDS(i < child.results.size());
    if (action == kActionAllow)
      FUZZ_HOLDS(child.results[i] >= 0);
    else if ((action & 0xffff0000) == kActionErrno) {
      FUZZ_HOLDS(child.results[i] == -static_cast<long>(std::min<uint32_t>(action & 0xffff, 4095)));
    }
  }
  return 0;
}
