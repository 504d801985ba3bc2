// sluice-keeper: holds what a service leaves of its views, where no service manager does.
//
// Started by a service with one descriptor, the socket at which services connect, and what it keeps comes by that. It
// is of a uid that nobody else has, has no privilege, and is confined before it accepts the first of them. It stays when
// the service that has started it ends, and ends when it keeps nothing and no service is connected.
#include <malloc.h>
#include <unistd.h>

#include "core/protection.h"
#include "generated/keeper_policy.h"
#include "keeper/keeper.h"
#include "os/landlock_domains.h"
#include "os/self.h"
#include "os/service_self.h"
#include "sandbox/confine.h"

namespace sluice::keeper {
namespace {

constexpr int kFdListener = 3;

// A service does not start where a protection is missing that the administrator did not allow to be: here it only has to
// be used where it is there.
core::Outcome confine() {
  if (auto done = os::become_undumpable(); !done.ok()) return done;
  if (auto done = sandbox::keep_capabilities({}); !done.ok()) return done;
  if (auto done = os::landlock_restrict(os::kKeeper, {}, core::kAllMissing); !done.ok()) return done;
  return sandbox::install_filter(sandbox::keeper_policy());
}

int run() {
  // All of it the heap.
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_MMAP_MAX, 0);
  os::close_others(kFdListener);
  auto poller = os::Poller::create();
  if (!os::leave_working_directory().ok() || !poller.ok() || !confine().ok()) return 1;
  return Keeper(kFdListener, *std::move(poller)).run().ok() ? 0 : 1;
}

}  // namespace
}  // namespace sluice::keeper

int main() {
  const int status = sluice::keeper::run();
  ::_exit(status);  // what a library would still do at exit, the policy may not allow
}
