// The policies of the release: their golden tables, their budgets, and that the programs say the
// same as the text for every call number on every architecture.
#include <gtest/gtest.h>

#include <cstdio>
#include <utility>

#include "generated/release/broker_devices_policy.h"
#include "generated/release/broker_policy.h"
#include "generated/release/foreign_broker_policy.h"
#include "generated/release/keeper_policy.h"
#include "generated/release/sluiced_policy.h"
#include "generated/release/supervisor_policy.h"
#include "generated/release/worker_ro_policy.h"
#include "generated/release/worker_rw_policy.h"
#include "sandbox/compiler/compile.h"
#include "sandbox/compiler/meaning.h"
#include "sandbox/compiler/report.h"

namespace sluice::sandbox {
namespace {

struct Case {
  const CompiledPolicy& compiled;
  int most_calls;
};

const Case kCases[] = {{kWorkerRoPolicy, 20}, {kWorkerRwPolicy, 36}, {kBrokerPolicy, 28},
                       {kBrokerDevicesPolicy, 29}, {kForeignBrokerPolicy, 13}, {kSluicedPolicy, 24}, {kKeeperPolicy, 12},
                       {kSupervisorPolicy, 32}};

Policy source_of(const CompiledPolicy& compiled) {
  Diagnostics diagnostics;
  Policy policy = load_policy(SLUICE_POLICIES "/" + std::string(compiled.name) + ".policy", {},
                              load_file, diagnostics);
  EXPECT_TRUE(diagnostics.empty());
  return policy;
}

TEST(Golden, TablesAreAsReviewed) {
  for (const auto& [compiled, most] : kCases) {
    const std::string name(compiled.name);
    const auto golden = load_file(SLUICE_GOLDEN "/" + name + ".golden");
    ASSERT_TRUE(golden.has_value()) << name;
    EXPECT_EQ(golden_text(source_of(compiled)), *golden)
        << "If this change is meant: policyc --golden sandbox/policies/" << name
        << ".policy > tests/policy/golden/" << name << ".golden";
  }
}

TEST(Golden, ProgramsSayWhatTheTextSays) {
  for (const auto& [compiled, most] : kCases) {
    EXPECT_FALSE(compiled.extra);
    EXPECT_EQ(first_difference(source_of(compiled), compiled.program), "") << compiled.name;
  }
}

TEST(Golden, OnlyTheCountedCallsLive) {
  for (const auto& [compiled, most] : kCases) {
    const Policy policy = source_of(compiled);
    int alive = 0;
    for (uint32_t number = 0; number <= kHighestCall; ++number) {
      for (const CallData& corner : corners_of(policy, number)) {
        if (bpf_evaluate(compiled.program, corner).action != kActionAllow) continue;
        ++alive;
        break;
      }
    }
    EXPECT_EQ(alive, compiled.calls) << compiled.name;
  }
}

TEST(Golden, StaysWithinTheBudget) {
  for (const auto& [compiled, most] : kCases) {
    const int percent = 100 * compiled.calls_with_conditions / compiled.calls_with_arguments;
    std::printf(
        "%-14s %2d of %d calls; %2d of %2d with arguments carry conditions: %d %%; "
        "%d lines with, %d without; %zu instructions\n",
        std::string(compiled.name).c_str(), compiled.calls, most, compiled.calls_with_conditions,
        compiled.calls_with_arguments, percent, compiled.lines_with_conditions,
        compiled.lines_without_conditions, compiled.program.size());
    EXPECT_LE(compiled.calls, most) << compiled.name;
    EXPECT_GE(percent, 80) << compiled.name;
  }
}

// The comparison is only worth something if it sees a wrong program: turn one jump around at a
// time.
TEST(Golden, AWrongJumpShows) {
  constexpr uint16_t kJump = 5;
  constexpr uint16_t kAlways = 5;
  for (const auto& [compiled, most] : kCases) {
    const Policy policy = source_of(compiled);
    int jumps = 0;
    for (size_t at = 0; at < compiled.program.size(); ++at) {
      const auto [code, jt, jf, k] = compiled.program[at];
      if ((code & 7) != kJump || code == kAlways || ++jumps % 23 != 1) continue;
      if (k == 0xffffffff) continue;  // the number -1, after the x32 bit: denied on both ways
      std::vector<Instruction> program(compiled.program.begin(), compiled.program.end());
      std::swap(program[at].jt, program[at].jf);
      EXPECT_NE(first_difference(policy, program), "") << compiled.name << ", instruction " << at;
    }
    EXPECT_GT(jumps, 60);
  }
}

}  // namespace
}  // namespace sluice::sandbox
