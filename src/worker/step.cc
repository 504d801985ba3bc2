#include "worker/step.h"

#include <atomic>
#include <charconv>

namespace sluice::worker {
namespace {

constexpr std::string_view kName = ".die-at-step-";
std::atomic<int64_t> steps_left = 0;  // 0: not armed

}  // namespace

bool arm_steps(std::string_view name) {
  if (!name.starts_with(kName)) return false;
  int64_t steps = 0;
  std::from_chars(name.data() + kName.size(), name.data() + name.size(), steps);
  steps_left = steps;
  return true;
}

void step() {
  if (steps_left.load(std::memory_order_relaxed) > 0 && --steps_left == 0) __builtin_trap();
}

}  // namespace sluice::worker
