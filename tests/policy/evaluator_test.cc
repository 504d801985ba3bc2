// The evaluator: each operation, and everything that it refuses.
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstddef>
#include <vector>

#include "sandbox/bpf_eval.h"

namespace sluice::sandbox {
namespace {

using Program = std::vector<Instruction>;

// Our own definitions are the kernel's.
static_assert(sizeof(Instruction) == sizeof(struct sock_filter));
static_assert(sizeof(CallData) == sizeof(struct seccomp_data));
static_assert(offsetof(CallData, args) == offsetof(struct seccomp_data, args));
static_assert(kArchX86_64 == AUDIT_ARCH_X86_64 && kArchI386 == AUDIT_ARCH_I386);
static_assert(kActionKillProcess == SECCOMP_RET_KILL_PROCESS);
static_assert(kActionKillThread == SECCOMP_RET_KILL_THREAD);
static_assert(kActionErrno == SECCOMP_RET_ERRNO && kActionAllow == SECCOMP_RET_ALLOW);

const CallData kCall = {
    39, kArchX86_64, 0x1122334455667788, {0xa0a1a2a3a4a5a6a7, 1, 2, 3, 4, 0xf0f1f2f3f4f5f6f7}};
constexpr Instruction kReturnA = {BPF_RET | BPF_A, 0, 0, 0};

Instruction op(int code, uint32_t k, uint8_t jt = 0, uint8_t jf = 0) {
  return {static_cast<uint16_t>(code), jt, jf, k};
}

uint32_t result(const Program& program) {
  EXPECT_EQ(bpf_check(program).fault, BpfFault::kNone);
  const BpfVerdict verdict = bpf_evaluate(program, kCall);
  EXPECT_EQ(verdict.fault, BpfFault::kNone);
  return verdict.action;
}

BpfFault fault(const Program& program) {
  const BpfFault checked = bpf_check(program).fault;
  EXPECT_NE(checked, BpfFault::kNone);
  return checked;
}

TEST(Evaluator, LoadsEveryWordOfTheCall) {
  const uint32_t words[] = {39, kArchX86_64, 0x55667788, 0x11223344, 0xa4a5a6a7, 0xa0a1a2a3,
                            1,  0,           2,          0,          3,          0,
                            4,  0,           0xf4f5f6f7, 0xf0f1f2f3};
  for (uint32_t i = 0; i < 16; ++i) {
    EXPECT_EQ(result({op(BPF_LD | BPF_W | BPF_ABS, i * 4), kReturnA}), words[i]) << i;
  }
}

TEST(Evaluator, Computes) {
  const struct {
    int operation;
    uint32_t k;
    uint32_t expected;  // from A = 100
  } cases[] = {{BPF_ADD, 0xffffffff, 99},
               {BPF_SUB, 101, 0xffffffff},
               {BPF_MUL, 0x40000001, 100},
               {BPF_DIV, 7, 14},
               {BPF_OR, 3, 103},
               {BPF_AND, 0x60, 0x60},
               {BPF_XOR, 0xffffffff, ~100u},
               {BPF_LSH, 31, 0},
               {BPF_RSH, 2, 25}};
  for (const auto& c : cases) {
    const Instruction load = op(BPF_LD | BPF_IMM, 100);
    EXPECT_EQ(result({load, op(BPF_ALU | BPF_K | c.operation, c.k), kReturnA}), c.expected);
    EXPECT_EQ(
        result({load, op(BPF_LDX | BPF_IMM, c.k), op(BPF_ALU | BPF_X | c.operation, 0), kReturnA}),
        c.expected);
  }
  EXPECT_EQ(result({op(BPF_LD | BPF_IMM, 1), op(BPF_ALU | BPF_NEG, 0), kReturnA}), 0xffffffffu);
  EXPECT_EQ(result({op(BPF_LD | BPF_W | BPF_LEN, 0), kReturnA}), 64u);
  EXPECT_EQ(result({op(BPF_LDX | BPF_W | BPF_LEN, 0), op(BPF_MISC | BPF_TXA, 0), kReturnA}), 64u);
  // Dividing by an X of 0 ends the filter with 0.
  EXPECT_EQ(result({op(BPF_ALU | BPF_DIV | BPF_X, 0), op(BPF_RET | BPF_K, 5)}), kActionKillThread);
}

TEST(Evaluator, RemembersInCells) {
  EXPECT_EQ(result({op(BPF_LD | BPF_IMM, 7), op(BPF_ST, 15), op(BPF_LD | BPF_IMM, 0),
                    op(BPF_LDX | BPF_MEM, 15), op(BPF_STX, 0), op(BPF_LD | BPF_MEM, 0), kReturnA}),
            7u);
  EXPECT_EQ(result({op(BPF_LD | BPF_IMM, 9), op(BPF_MISC | BPF_TAX, 0), op(BPF_LD | BPF_IMM, 0),
                    op(BPF_MISC | BPF_TXA, 0), kReturnA}),
            9u);
}

TEST(Evaluator, Jumps) {
  const struct {
    int operation;
    uint32_t a, k;
    bool taken;
  } cases[] = {{BPF_JEQ, 5, 5, true},  {BPF_JEQ, 5, 6, false}, {BPF_JGT, 0xffffffff, 5, true},
               {BPF_JGT, 5, 5, false}, {BPF_JGE, 5, 5, true},  {BPF_JGE, 4, 0x80000000, false},
               {BPF_JSET, 6, 3, true}, {BPF_JSET, 4, 3, false}};
  for (const auto& c : cases) {
    for (const int source : {BPF_K, BPF_X}) {
      EXPECT_EQ(result({op(BPF_LD | BPF_IMM, c.a), op(BPF_LDX | BPF_IMM, c.k),
                        op(BPF_JMP | c.operation | source, source == BPF_K ? c.k : 77, 1, 0),
                        op(BPF_RET | BPF_K, 0), op(BPF_RET | BPF_K, 1)}),
                c.taken ? 1u : 0u);
    }
  }
  EXPECT_EQ(result({op(BPF_JMP | BPF_JA, 1), op(BPF_RET | BPF_K, 0), op(BPF_RET | BPF_K, 1)}), 1u);
}

TEST(Evaluator, RefusesWhatTheKernelRefuses) {
  const Instruction ret = op(BPF_RET | BPF_K, 0);
  EXPECT_EQ(fault({}), BpfFault::kLength);
  EXPECT_EQ(fault(Program(4097, ret)), BpfFault::kLength);
  EXPECT_EQ(bpf_check(Program(4096, ret)).fault, BpfFault::kNone);
  EXPECT_EQ(fault({op(BPF_LD | BPF_W | BPF_ABS, 64), ret}), BpfFault::kOffset);
  EXPECT_EQ(fault({op(BPF_LD | BPF_W | BPF_ABS, 2), ret}), BpfFault::kOffset);
  EXPECT_EQ(fault({op(BPF_LD | BPF_W | BPF_ABS, 0xfffffffc), ret}), BpfFault::kOffset);
  EXPECT_EQ(fault({op(BPF_LD | BPF_B | BPF_ABS, 0), ret}), BpfFault::kOpcode);
  EXPECT_EQ(fault({op(BPF_LD | BPF_W | BPF_IND, 0), ret}), BpfFault::kOpcode);
  EXPECT_EQ(fault({op(BPF_ALU | BPF_MOD | BPF_K, 3), ret}), BpfFault::kOpcode);
  EXPECT_EQ(fault({op(BPF_RET | BPF_X, 0)}), BpfFault::kOpcode);
  EXPECT_EQ(fault({op(0xffff, 0), ret}), BpfFault::kOpcode);
  EXPECT_EQ(fault({op(BPF_ALU | BPF_DIV | BPF_K, 0), ret}), BpfFault::kConstant);
  EXPECT_EQ(fault({op(BPF_ALU | BPF_LSH | BPF_K, 32), ret}), BpfFault::kConstant);
  EXPECT_EQ(fault({op(BPF_ST, 16), ret}), BpfFault::kMemory);
  EXPECT_EQ(fault({op(BPF_LD | BPF_MEM, 0), ret}), BpfFault::kMemory);
  EXPECT_EQ(fault({op(BPF_JMP | BPF_JA, 1), ret}), BpfFault::kJump);
  EXPECT_EQ(fault({op(BPF_JMP | BPF_JA, 0xffffffff), ret}), BpfFault::kJump);
  EXPECT_EQ(fault({op(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), ret}), BpfFault::kJump);
  EXPECT_EQ(fault({ret, op(BPF_LD | BPF_IMM, 0)}), BpfFault::kNoReturn);
  // Written on one way here only.
  EXPECT_EQ(
      fault({op(BPF_JMP | BPF_JEQ | BPF_K, 39, 0, 1), op(BPF_ST, 3), op(BPF_LD | BPF_MEM, 3), ret}),
      BpfFault::kMemory);
}

TEST(Evaluator, StopsAtAFaultOnTheWay) {
  const auto verdict = [](const Program& program) { return bpf_evaluate(program, kCall); };
  EXPECT_EQ(verdict({}).fault, BpfFault::kLength);
  EXPECT_EQ(verdict({op(0xffff, 0)}).fault, BpfFault::kOpcode);
  EXPECT_EQ(verdict({op(BPF_LD | BPF_W | BPF_ABS, 100)}).fault, BpfFault::kOffset);
  EXPECT_EQ(verdict({op(BPF_LD | BPF_MEM, 3)}).fault, BpfFault::kMemory);
  EXPECT_EQ(verdict({op(BPF_LD | BPF_IMM, 3)}).fault, BpfFault::kNoReturn);
  EXPECT_EQ(verdict({op(BPF_JMP | BPF_JA, 0xffffffff), kReturnA}).fault, BpfFault::kJump);
  EXPECT_EQ(verdict({op(BPF_JMP | BPF_JA, 5), kReturnA}).at, 0u);
  // Not on the way: no matter.
  EXPECT_EQ(verdict({op(BPF_RET | BPF_K, 8), op(0xffff, 0)}).fault, BpfFault::kNone);
}

}  // namespace
}  // namespace sluice::sandbox
