#include "service/confinement.h"

#include <linux/capability.h>

#include "generated/sluiced_policy.h"
#include "os/landlock_domains.h"
#include "os/self.h"
#include "os/service_self.h"
#include "sandbox/confine.h"
#include "sandbox/confine_children.h"

namespace sluice::service {

core::Outcome confine(int socket_directory, uint32_t allowed_missing) {
  if (auto done = sandbox::drop_bounding_set(); !done.ok()) return done;
  // Brokers and workers have other uids.
  const int keep[] = {CAP_KILL};
  if (auto done = sandbox::keep_capabilities(keep); !done.ok()) return done;
  if (auto done = os::refuse_new_privileges(); !done.ok()) return done;
  const int directory[] = {socket_directory};
  const auto beneath = std::span(directory).first(socket_directory < 0 ? 0 : 1);
  if (auto done = os::landlock_restrict(os::kService, beneath, allowed_missing); !done.ok()) return done;
  return sandbox::install_filter(sandbox::sluiced_policy());
}

}  // namespace sluice::service
