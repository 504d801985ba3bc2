// The evaluator and the compiler against the kernel that this runs on.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <signal.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>

#include "generated/release/broker_devices_policy.h"
#include "generated/release/broker_policy.h"
#include "generated/release/foreign_broker_policy.h"
#include "generated/release/worker_ro_policy.h"
#include "generated/release/worker_rw_policy.h"
#include "random_policy.h"
#include "raw_call.h"
#include "sandbox/compiler/builder.h"
#include "sandbox/compiler/cubes.h"
#include "sandbox/compiler/meaning.h"
#include "sandboxed_child.h"
#include "text_policy.h"

namespace sluice::sandbox {
namespace {

constexpr uint32_t kMarker = 4001;  // an errno that no call returns by itself
constexpr uint32_t kHarmless[] = {SYS_getpid, SYS_getppid, SYS_getuid, SYS_getgid, SYS_sched_yield};

uint32_t constant(Random& random) {
  constexpr uint32_t kPopular[] = {0,           1,   31,         SYS_getpid, SYS_getuid,
                                   kArchX86_64, ~0u, 0x80000000, 0x7fffffff, 0x40000000u};
  return below(random, 2) == 0 ? kPopular[below(random, std::size(kPopular))] : bits(random);
}

// Mostly valid; now and then an instruction that is not.
std::vector<Instruction> random_program(Random& random) {
  constexpr uint16_t kAlu[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR,
                               BPF_AND, BPF_XOR, BPF_LSH, BPF_RSH};
  constexpr uint16_t kJumps[] = {BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET};
  std::vector<Instruction> program;
  const uint32_t length = 4 + below(random, 40);
  const bool faulty = below(random, 3) == 0;
  const auto add = [&](int code, uint32_t k, uint32_t jt = 0, uint32_t jf = 0) {
    program.push_back(
        {static_cast<uint16_t>(code), static_cast<uint8_t>(jt), static_cast<uint8_t>(jf), k});
  };
  for (uint32_t cell = 0; cell < 2; ++cell) add(BPF_ST, cell);
  while (program.size() < length) {
    const auto left = static_cast<uint32_t>(length - program.size());
    const int source = below(random, 2) == 0 ? BPF_K : BPF_X;
    switch (below(random, faulty ? 10 : 9)) {
      case 0:
      case 1:
        add(BPF_LD | BPF_W | BPF_ABS, below(random, 16) * 4);
        break;
      case 2:
        add((below(random, 2) == 0 ? BPF_LD : BPF_LDX) | BPF_IMM, constant(random));
        break;
      case 3:
        add((below(random, 2) == 0 ? BPF_LD : BPF_LDX) | BPF_MEM, below(random, 2));
        break;
      case 4:
        add(below(random, 2) == 0 ? BPF_ST : BPF_STX, below(random, 16));
        break;
      case 5: {
        const uint16_t operation = kAlu[below(random, std::size(kAlu))];
        const bool shift = operation == BPF_LSH || operation == BPF_RSH;
        add(BPF_ALU | operation | source, shift ? below(random, 32) : constant(random) | 1);
        break;
      }
      case 6:
        add(below(random, 2) == 0 ? BPF_MISC | BPF_TAX : BPF_MISC | BPF_TXA, 0);
        break;
      case 7:
        add(BPF_JMP | kJumps[below(random, std::size(kJumps))] | source, constant(random),
            below(random, left), below(random, left));
        break;
      case 8:
        if (below(random, 4) == 0)
          add(BPF_RET | BPF_K, kActionErrno | (1 + below(random, 99)));
        else
          add(BPF_ALU | BPF_NEG, 0);
        break;
      default:
        add(static_cast<uint8_t>(bits(random)), below(random, 70), below(random, left + 1));
        break;
    }
  }
  // What is left in A decides: an errno of 1 to 255.
  add(BPF_ALU | BPF_AND | BPF_K, 0xff);
  add(BPF_ALU | BPF_OR | BPF_K, kActionErrno | 1);
  add(BPF_RET | (below(random, 4) == 0 ? BPF_K : BPF_A), kActionAllow);
  return program;
}

CallData random_call(Random& random) {
  CallData call;
  call.nr = kHarmless[below(random, std::size(kHarmless))];
  call.arch = kArchX86_64;
  call.instruction_pointer = reinterpret_cast<uint64_t>(sluice_raw_call_ip);
  for (uint64_t& arg : call.args) arg = uint64_t{constant(random)} << 32 | constant(random);
  return call;
}

// A policy that passes the lint and does not keep libseccomp busy: when it merges alternatives that
// overlap it tries every pair of branches, and some three dozen can take it half a minute.
Policy random_compilable_policy(Random& random, std::string* text) {
  while (true) {
    *text = random_policy(random);
    Diagnostics diagnostics;
    Policy policy = policy_of(*text, diagnostics);
    size_t cubes = 0;
    for (const Rule& rule : policy.rules) cubes += cubes_of(rule).size();
    if (diagnostics.empty() && cubes <= 25) return policy;
  }
}

// Whether the kernel did what the evaluator says, call by call.
::testing::AssertionResult as_evaluated(const ChildResult& child,
                                        std::span<const Instruction> program,
                                        std::span<const CallData> calls) {
  for (size_t i = 0; i < calls.size(); ++i) {
    const BpfVerdict verdict = bpf_evaluate(program, calls[i]);
    if (verdict.fault != BpfFault::kNone) return ::testing::AssertionFailure() << "fault at " << i;
    if (verdict.action == kActionKillThread || verdict.action == kActionKillProcess) {
      if (child.signal == SIGSYS && child.results.size() == i) break;
      return ::testing::AssertionFailure() << "survived call " << i;
    }
    if (i >= child.results.size()) return ::testing::AssertionFailure() << "died at call " << i;
    const long error = static_cast<long>(verdict.action & 0xffff);
    const bool same =
        verdict.action == kActionAllow ? child.results[i] >= 0 : child.results[i] == -error;
    if (!same) return ::testing::AssertionFailure() << "call " << i << ": " << child.results[i];
  }
  return ::testing::AssertionSuccess();
}

TEST(Kernel, RunsProgramsAsTheEvaluatorDoes) {
  Random random(20240607);
  int taken = 0;
  int refused = 0;
  for (int round = 0; round < 400; ++round) {
    const auto program = random_program(random);
    std::vector<CallData> calls;
    for (int i = 0; i < 20; ++i) calls.push_back(random_call(random));
    const ChildResult child = run_filtered(program, calls);
    const bool fine = bpf_check(program).fault == BpfFault::kNone;
    ASSERT_EQ(child.installed, fine)
        << "round " << round << ", errno " << child.install_error << ", fault "
        << int(bpf_check(program).fault) << " at " << bpf_check(program).at;
    ++(fine ? taken : refused);
    if (!fine) continue;
    ASSERT_TRUE(as_evaluated(child, program, calls)) << "round " << round;
  }
  // The test is of use only where it sees both.
  EXPECT_GT(taken, 100);
  EXPECT_GT(refused, 30);
}

TEST(Kernel, ObeysPoliciesAsTheirTextSays) {
  Random random(20240608);
  size_t allowed = 0;
  size_t denied = 0;
  for (int policies = 0; policies < 100; ++policies) {
    std::string text;
    const Policy policy = random_compilable_policy(random, &text);
    std::string error;
    const auto program = build_program(policy, error, kActionErrno | kMarker);
    ASSERT_EQ(error, "");
    std::vector<CallData> calls;
    for (const Rule& rule : policy.rules) {
      const auto corners = corners_of(policy, rule.number);
      for (int i = 0; i < 60; ++i) {
        calls.push_back(corners[below(random, static_cast<uint32_t>(corners.size()))]);
      }
    }
    const ChildResult child = run_filtered(program, calls);
    ASSERT_TRUE(child.installed);
    ASSERT_EQ(child.results.size(), calls.size()) << "signal " << child.signal;
    for (size_t i = 0; i < calls.size(); ++i) {
      const bool passed = child.results[i] != -static_cast<long>(kMarker);
      ASSERT_EQ(passed, allows(policy, calls[i])) << text << "call " << i;
      ++(passed ? allowed : denied);
    }
  }
  EXPECT_GT(allowed, 500u);
  EXPECT_GT(denied, 500u);
}

TEST(Kernel, RandomPoliciesCompileToWhatTheySay) {
  Random random(20240609);
  for (int policies = 0; policies < 100; ++policies) {
    std::string text;
    const Policy policy = random_compilable_policy(random, &text);
    std::string error;
    const auto program = build_program(policy, error);
    ASSERT_EQ(error, "") << text;
    ASSERT_EQ(first_difference(policy, program), "") << text;
  }
}

TEST(Kernel, KillsForeignCalls) {
  const CallData getpid[] = {{SYS_getpid, kArchX86_64, 0, {}}};
  const CallData x32_clock[] = {{SYS_clock_gettime | kX32Bit, kArchX86_64, 0, {1}}};
  const CallData i386_brk[] = {{45, kArchI386, 0, {}}};
  for (const CompiledPolicy& policy : {kWorkerRoPolicy, kWorkerRwPolicy, kBrokerPolicy, kBrokerDevicesPolicy,
                                       kForeignBrokerPolicy}) {
    EXPECT_EQ(run_filtered(policy.program, getpid).signal, SIGSYS) << policy.name;
    EXPECT_EQ(run_filtered(policy.program, x32_clock).signal, SIGSYS) << policy.name;
    // A kernel without i386 emulation answers int 0x80 with SIGSEGV.
    const int signal = run_filtered(policy.program, i386_brk, true).signal;
    EXPECT_TRUE(signal == SIGSYS || signal == SIGSEGV) << policy.name << ": " << signal;
  }
}

TEST(Kernel, LetsListedCallsThrough) {
  const CallData calls[] = {
      {SYS_brk, kArchX86_64, 0, {}},
      {SYS_clock_gettime, kArchX86_64, 0, {uint64_t{0xdead0000} << 32 | 1, 0}},  // dirt above
      {SYS_close, kArchX86_64, 0, {200}},
      {SYS_exit_group, kArchX86_64, 0, {7}}};
  for (const CompiledPolicy& policy : {kWorkerRoPolicy, kWorkerRwPolicy, kBrokerPolicy, kBrokerDevicesPolicy,
                                       kForeignBrokerPolicy}) {
    const ChildResult child = run_filtered(policy.program, calls);
    EXPECT_EQ(child.status, 7) << policy.name;
    ASSERT_EQ(child.results.size(), 3u);
    EXPECT_GT(child.results[0], 0);
    EXPECT_EQ(child.results[1], -EFAULT);
    EXPECT_EQ(child.results[2], -EBADF);
  }
}

}  // namespace
}  // namespace sluice::sandbox
