#include "worker/step.h"

#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdint>

#ifdef SLUICE_STEPS
namespace sluice::worker {
namespace {

constexpr std::string_view kName = ".die-at-step-";
std::atomic<int64_t> steps_left = 0;  // 0: not armed

}  // namespace

int arm_steps(std::string_view name) {
  if (!name.starts_with(kName)) return 0;
  int64_t steps = 0;
  std::from_chars(name.data() + kName.size(), name.data() + name.size(), steps);
  // Not the two of its own reply.
  return steps_left.exchange(steps > 0 ? steps + 2 : 0) > 0 ? EBUSY : ENOENT;
}

void step() {
  if (steps_left.load(std::memory_order_relaxed) > 0 && --steps_left == 0) __builtin_trap();
}

}  // namespace sluice::worker
#endif
