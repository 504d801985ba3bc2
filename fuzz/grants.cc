#include "fuzz/grants.h"

#include <mutex>
#include <set>
#include <utility>

#include "fuzz/target.h"
#include "os/backing.h"

namespace sluice::fuzz {
namespace {

struct Kernel {
  std::mutex mutex;
  std::set<int> ids;
  int next = 1;
  bool refuses = false;
  std::function<void(int)> look;
};
Kernel& kernel() {
  static Kernel* const the = new Kernel;
  return *the;
}

}  // namespace

void on_grant(std::function<void(int fd)> look) {
  const std::lock_guard lock(kernel().mutex);
  kernel().look = std::move(look);
}

void refuse_grants(bool refuse) {
  const std::lock_guard lock(kernel().mutex);
  kernel().refuses = refuse;
}

size_t open_grants() {
  const std::lock_guard lock(kernel().mutex);
  return kernel().ids.size();
}

void forget_grants() {
  const std::lock_guard lock(kernel().mutex);
  kernel().ids.clear();
  kernel().next = 1;
}

}  // namespace sluice::fuzz

namespace sluice::os {

core::Result<int> backing_open(int, int file) {
  auto& kernel = fuzz::kernel();
  const std::lock_guard lock(kernel.mutex);
  if (kernel.look) kernel.look(file);
  if (kernel.refuses) return core::Failure{ELOOP, core::Reason::kSystem};
  kernel.ids.insert(kernel.next);
  return kernel.next++;
}

core::Outcome backing_close(int, int backing_id) {
  auto& kernel = fuzz::kernel();
  const std::lock_guard lock(kernel.mutex);
  // A broker that begins asks after the one that the kernel would have given the one before it.
  if (backing_id == kernel.next) return core::Failure{ENOENT, core::Reason::kSystem};
  // An id is given back once, and by the one that has it.
  FUZZ_HOLDS(kernel.ids.erase(backing_id) == 1);
  return core::Done{};
}

}  // namespace sluice::os
