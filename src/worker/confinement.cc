#include "worker/confinement.h"

#include <linux/capability.h>

#include "generated/worker_ro_policy.h"
#include "generated/worker_rw_policy.h"
#include "os/file.h"
#include "os/graft.h"
#include "os/landlock_domains.h"
#include "os/metadata.h"
#include "os/root.h"
#include "os/self.h"
#include "sandbox/confine.h"
#include "sandbox/fds.h"

namespace sluice::worker {
namespace {

int tree_of(uint32_t root) {
  return root == 0 ? sandbox::kFdRoot : sandbox::kFdGrafts + static_cast<int>(root) - 1;
}

// In their order: one that is in another comes behind it.
core::Outcome attach_grafts(std::span<const core::Graft> grafts) {
  for (size_t i = 0; i < grafts.size(); ++i) {
    const core::Place place = core::place_of(grafts.first(i), grafts[i].at);
    const int tree = sandbox::kFdGrafts + static_cast<int>(i);
    if (auto done = os::attach_below(tree_of(place.root), place.rest, tree); !done.ok()) return done;
  }
  return core::Done{};
}

}  // namespace

core::Outcome confine(const wire::ViewConfig& config, const char** step) {
  *step = "uids";
  if (!config.preserve) {
    if (auto done = os::take_uids(config.private_uid, config.uid); !done.ok()) return done;
  }
  *step = "root";
  auto root = os::duplicate(sandbox::kFdRoot);
  if (!root.ok()) return root.failure();
  *step = "enter the source tree";
  if (auto done = os::enter_tree(*std::move(root)); !done.ok()) return done;
  *step = "grafts";
  if (auto done = attach_grafts(config.grafts); !done.ok()) return done;
  *step = "files' uid";
  // In preserve mode its uid is root's, which nobody else can signal, and what it makes is nobody's until it
  // has found it again: by its owner it knows it from what others put in its place.
  if (config.preserve) {
    if (auto done = os::set_files_uid(config.private_uid); !done.ok()) return done;
  }
  *step = "capabilities";
  // In preserve mode the worker has these in a user namespace of its own, and nowhere else.
  const int over_own_tree[] = {CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_FOWNER, CAP_FSETID};
  const auto kept =
      config.preserve ? sandbox::keep_capabilities(over_own_tree) : sandbox::keep_capabilities({});
  if (!kept.ok()) return kept;
  *step = "landlock";
  return os::landlock_restrict(
      config.read_only ? os::kMetadataOnly : os::kMetadataChange,
      {{sandbox::kFdRoot}}, config.missing);
}

core::Outcome install_policy(const wire::ViewConfig& config) {
  return sandbox::install_filter(config.read_only ? sandbox::worker_ro_policy()
                                                  : sandbox::worker_rw_policy());
}

}  // namespace sluice::worker
