#include "allowed_calls.h"

#include <algorithm>
#include <vector>

#include "sandbox/bpf_opcodes.h"

namespace sluice::adversary {
namespace {

using sandbox::CallData;
using sandbox::Instruction;

constexpr size_t kWords = 12;  // of the six arguments: lower and upper half each
constexpr size_t kMostWays = 20'000;

// What a way through the program asks of one word.
struct Condition {
  size_t word;
  uint32_t mask;
  uint16_t comparison;  // kJeqK and the like
  uint32_t with;
  bool holds;
};

bool met(const Condition& condition, uint32_t word) {
  const uint32_t value = word & condition.mask;
  bool holds = false;
  if (condition.comparison == sandbox::kJeqK) holds = value == condition.with;
  if (condition.comparison == sandbox::kJgtK) holds = value > condition.with;
  if (condition.comparison == sandbox::kJgeK) holds = value >= condition.with;
  if (condition.comparison == sandbox::kJsetK) holds = (value & condition.with) != 0;
  return holds == condition.holds;
}

// A word that meets all conditions on it. Those of a filter are few: what they name, and what is
// beside it, is enough.
std::optional<uint32_t> solve(const std::vector<Condition>& conditions, size_t word) {
  std::vector<uint32_t> candidates = {0, ~0u};
  for (const Condition& condition : conditions) {
    if (condition.word != word) continue;
    for (const uint32_t base : {condition.with, condition.with | ~condition.mask}) {
      candidates.insert(candidates.end(), {base, base + 1, base - 1, ~base});
    }
  }
  for (const uint32_t candidate : candidates) {
    const bool fits = std::all_of(conditions.begin(), conditions.end(), [&](const Condition& one) {
      return one.word != word || met(one, candidate);
    });
    if (fits) return candidate;
  }
  return std::nullopt;
}

// One walk for one number: all ways, depth first.
class Walk {
 public:
  Walk(std::span<const Instruction> program, uint32_t arch, uint32_t number) : program_(program) {
    call_.arch = arch;
    call_.nr = number;
  }
  CallVerdict verdict() {
    follow({0, true, 0, 0, ~0u});
    result_.always = result_.example.has_value() && !denied_ && result_.understood;
    return result_;
  }

 private:
  struct State {
    size_t at;
    bool known;      // A holds a number that does not depend on the arguments
    uint32_t value;  // known
    size_t word;     // not known: A is this word of the arguments, masked
    uint32_t mask;
  };

  void follow(State state) {
    if (++ways_ > kMostWays || state.at >= program_.size()) {
      result_.understood = false;
      return;
    }
    const Instruction& insn = program_[state.at];
    if (insn.code == sandbox::kRetK) return end(insn.k);
    State next = state;
    ++next.at;
    if (insn.code == sandbox::kLdAbs) {
      next.known = insn.k < 16;
      next.value = insn.k == 0 ? call_.nr : insn.k == 4 ? call_.arch : 0;
      next.word = next.known ? 0 : (insn.k - 16) / 4;
      next.mask = ~0u;
      return follow(next);
    }
    if (insn.code == sandbox::kAndK) {
      next.value &= insn.k;
      next.mask &= insn.k;
      return follow(next);
    }
    if (insn.code == sandbox::kJa) {
      next.at += insn.k;
      return follow(next);
    }
    const bool jumps = insn.code == sandbox::kJeqK || insn.code == sandbox::kJgtK ||
                       insn.code == sandbox::kJgeK || insn.code == sandbox::kJsetK;
    if (!jumps) {
      result_.understood = false;
      return;
    }
    for (const bool holds : {true, false}) {
      const Condition condition{state.word, state.mask, insn.code, insn.k, holds};
      State taken = state;
      taken.at = state.at + 1 + (holds ? insn.jt : insn.jf);
      if (state.known) {
        if (met({0, ~0u, insn.code, insn.k, holds}, state.value)) follow(taken);
        continue;
      }
      conditions_.push_back(condition);
      if (solve(conditions_, state.word)) follow(taken);
      conditions_.pop_back();
    }
  }

  void end(uint32_t action) {
    CallData call = call_;
    for (size_t word = 0; word < kWords; ++word) {
      const auto value = solve(conditions_, word);
      if (!value) return;  // no arguments lead here
      call.args[word / 2] |= uint64_t{*value} << (word % 2 * 32);
    }
    if (sandbox::bpf_evaluate(program_, call).action != action) {
      result_.understood = false;
    } else if (action != sandbox::kActionAllow) {
      denied_ = true;
    } else if (!result_.example) {
      result_.example = call;
    }
  }

  std::span<const Instruction> program_;
  CallData call_;
  std::vector<Condition> conditions_;
  CallVerdict result_;
  size_t ways_ = 0;
  bool denied_ = false;
};

}  // namespace

CallVerdict verdict_on(std::span<const Instruction> program, uint32_t arch, uint32_t number) {
  return Walk(program, arch, number).verdict();
}

}  // namespace sluice::adversary
