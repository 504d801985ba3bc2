// Policies at random, compiled: the program against what the text means, and the kernel against
// both.
#include <random>
#include <string>
#include <vector>

#include "fuzz/target.h"
#include "sandbox/compiler/builder.h"
#include "sandbox/compiler/cubes.h"
#include "sandbox/compiler/meaning.h"
#include "tests/policy/random_policy.h"
#include "tests/policy/sandboxed_child.h"
#include "tests/policy/text_policy.h"

using namespace sluice;
using namespace sluice::sandbox;

namespace {

constexpr uint32_t kMarker = 4001;  // an errno that no call returns by itself
constexpr size_t kFewCubes = 16;    // with more, libseccomp takes too long

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Choices choices(data, size);
  // Random bits in the order of the bytes: each of them decides something.
  std::seed_seq seed(data, data + std::min<size_t>(size, 8));
  Random random(seed);
  for (size_t i = 0; i < 8; ++i) choices.byte();
  std::string text = random_policy(random);
  // What a person might write instead.
  if (choices.flag() && choices.more()) text += std::string(fuzz::text_of(choices.rest()));
  Diagnostics diagnostics;
  const Policy policy = policy_of(text, diagnostics);
  if (!diagnostics.empty()) return 0;
  size_t cubes = 0;
  for (const auto& rule : policy.rules) cubes += cubes_of(rule).size();
  if (cubes > kFewCubes || policy.rules.empty()) return 0;
  std::string error;
  const auto program = build_program(policy, error, kActionErrno | kMarker);
  FUZZ_HOLDS(error.empty() && bpf_check(program).fault == BpfFault::kNone);
  std::vector<CallData> calls;
  for (const auto& rule : policy.rules) {
    const auto corners = corners_of(policy, rule.number);
    for (size_t i = 0; i < corners.size(); ++i) {
      const BpfVerdict verdict = bpf_evaluate(program, corners[i]);
      FUZZ_HOLDS(verdict.fault == BpfFault::kNone);
      FUZZ_HOLDS((verdict.action == kActionAllow) == allows(policy, corners[i]));
      if (calls.size() < 200 && i % (1 + corners.size() / 40) == 0 &&
          corners[i].arch == kArchX86_64 && (corners[i].nr & kX32Bit) == 0) {
        calls.push_back(corners[i]);
      }
    }
  }
  // Each of the listed calls does no harm in a child without descriptors; others are not made.
  for (const auto& rule : policy.rules) {
    constexpr std::string_view kHarmless[] = {
        "lseek",      "fsync",         "fdatasync", "fstatfs",
        "getdents64", "getpriority",   "ftruncate", "fallocate",
        "faccessat2", "readlinkat",    "umask",     "copy_file_range",
        "getxattrat", "clock_gettime", "fadvise64", "sched_getaffinity"};
    if (std::find(std::begin(kHarmless), std::end(kHarmless), rule.call) == std::end(kHarmless))
      return 0;
  }
  const ChildResult child = run_filtered(program, calls);
  FUZZ_HOLDS(child.installed && child.results.size() == calls.size());
  for (size_t i = 0; i < calls.size(); ++i) {
    FUZZ_HOLDS((child.results[i] != -static_cast<long>(kMarker)) == allows(policy, calls[i]));
  }
  return 0;
}
