#include "sandbox/compiler/meaning.h"

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

namespace sluice::sandbox {
namespace {

constexpr size_t kMostCombinations = 600;
constexpr size_t kMostSteps = 8000;  // per argument
constexpr uint64_t kDirt[] = {uint64_t{1} << 32, uint64_t{0xffffffff} << 32, uint64_t{1} << 63};

bool holds(const Condition& condition, uint64_t arg, uint64_t width) {
  const uint64_t read = arg & width;
  switch (condition.relation) {
    case Relation::kAtMost:
      return read <= condition.value;
    case Relation::kAtLeast:
      return read >= condition.value;
    case Relation::kEqual:
      break;
  }
  return (read & condition.mask) == condition.value;
}

bool holds(const Rule& rule, const CallData& call) {
  return std::all_of(rule.conditions.begin(), rule.conditions.end(), [&](const Condition& c) {
    return holds(c, call.args[c.arg], width_mask(rule.info->args[c.arg]));
  });
}

using Values = std::vector<uint64_t>;

void add_once(Values& values, uint64_t value) {
  if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
}

// Combinations of one value per argument: all, or where there are too many an even choice.
std::vector<CallData> combinations_of(const std::array<Values, 6>& values, const CallData& base) {
  size_t all = 1;
  for (const Values& one : values) all *= one.size();
  std::vector<CallData> calls;
  for (size_t i = 0; i < std::min(all, kMostCombinations); ++i) {
    size_t index = all <= kMostCombinations ? i : i * 2147483647 % all;
    CallData call = base;
    for (size_t arg = 0; arg < values.size(); ++arg) {
      call.args[arg] = values[arg][index % values[arg].size()];
      index /= values[arg].size();
    }
    calls.push_back(call);
  }
  return calls;
}

// At, around and one bit away from the named values, and what an attacker would think of.
Values values_beside(const Values& named, bool compared) {
  Values beside = {1, ~uint64_t{0}, 0xffffffff, 0x80000000, 0x7fffffff, 0xffffff9c};
  for (const uint64_t value : named) {
    for (const uint64_t dirt : kDirt) add_once(beside, value | dirt);
    add_once(beside, value + 1);
    add_once(beside, value - 1);
    if (!compared) continue;
    for (int bit = 0; bit < 64; ++bit) add_once(beside, value ^ uint64_t{1} << bit);
  }
  return beside;
}

}  // namespace

bool allows(const Policy& policy, const CallData& call) {
  return call.arch == kArchX86_64 &&
         std::any_of(policy.rules.begin(), policy.rules.end(),
                     [&](const Rule& rule) { return rule.number == call.nr && holds(rule, call); });
}

std::vector<CallData> corners_of(const Policy& policy, uint32_t number) {
  std::array<Values, 6> named;  // the values that conditions name; within limits, one of each size
  std::array<bool, 6> compared{};
  for (Values& values : named) values.push_back(0);
  for (const Rule& rule : policy.rules) {
    if (rule.number != number) continue;
    for (const Condition& condition : rule.conditions) {
      Values& values = named[condition.arg];
      add_once(values, condition.value);
      if (condition.relation == Relation::kEqual) {
        compared[condition.arg] = true;
        continue;
      }
      for (int bit = 0; bit < 32; ++bit) add_once(values, (uint64_t{2} << bit) - 1);
    }
  }
  CallData base;
  base.nr = number;
  base.arch = kArchX86_64;
  std::vector<CallData> calls = combinations_of(named, base);

  // Then one argument at a time steps aside.
  const std::vector<CallData> combinations = calls;
  for (size_t arg = 0; arg < named.size(); ++arg) {
    const Values beside = values_beside(named[arg], compared[arg]);
    const size_t stride = combinations.size() * beside.size() / kMostSteps | 1;
    for (size_t i = 0; i < combinations.size(); i += stride) {
      CallData call = combinations[i];
      for (const uint64_t value : beside) {
        call.args[arg] = value;
        calls.push_back(call);
      }
    }
  }
  return calls;
}

namespace {

bool differs(const Policy& policy, std::span<const Instruction> program, const CallData& call) {
  const BpfVerdict verdict = bpf_evaluate(program, call);
  const uint32_t wanted = allows(policy, call) ? kActionAllow : kActionKillProcess;
  return verdict.fault != BpfFault::kNone || verdict.action != wanted;
}

std::string describe(const CallData& call, bool wanted) {
  char text[256];
  std::snprintf(
      text, sizeof(text),
      "call %u (0x%x) of arch 0x%x with arguments 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx",
      call.nr, call.nr, call.arch, static_cast<unsigned long long>(call.args[0]),
      static_cast<unsigned long long>(call.args[1]), static_cast<unsigned long long>(call.args[2]),
      static_cast<unsigned long long>(call.args[3]), static_cast<unsigned long long>(call.args[4]),
      static_cast<unsigned long long>(call.args[5]));
  return std::string(text) + (wanted ? " is denied" : " is allowed");
}

}  // namespace

std::string first_difference(const Policy& policy, std::span<const Instruction> program) {
  if (bpf_check(program).fault != BpfFault::kNone) return "the kernel would refuse the program";
  std::vector<uint32_t> numbers = {512, 547, 0x3fffffff, 0x7fffffff, 0x80000000, 0xffffffff};
  for (uint32_t number = 0; number <= kHighestCall; ++number) numbers.push_back(number);
  size_t tried = 0;
  for (const uint32_t number : numbers) {
    for (const CallData& corner : corners_of(policy, number)) {
      if (differs(policy, program, corner)) return describe(corner, allows(policy, corner));
      // Other architectures do not get as far as the arguments: now and then is enough.
      if (tried++ % 16 != 0) continue;
      for (const auto& [nr, arch] : {std::pair{number, kArchI386},
                                     {number | kX32Bit, kArchX86_64},
                                     {number | kX32Bit, kArchI386},
                                     {number, 0u}}) {
        CallData foreign = corner;
        foreign.nr = nr;
        foreign.arch = arch;
        if (differs(policy, program, foreign)) return describe(foreign, allows(policy, foreign));
      }
    }
  }
  return {};
}

}  // namespace sluice::sandbox
