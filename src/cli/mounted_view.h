// A view at its target: what `sluice mount` and mount.sluice have in common.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>

#include "cli/mountpoint.h"
#include "cli/view_options.h"
#include "os/fd.h"

namespace sluice::cli {

// The options' source, as mount(8) has it: "none" is a tree of nothing but grafts, and a directory of
// that name is ./none.
absl::StatusOr<Source> open_named_source(const ViewOptions& options);

struct MountHow {
  Lifetime lifetime = Lifetime::kForeground;
  bool no_programs = false;  // nothing in the view can be executed
  os::Fd namespace_of_target = {};  // where the target is; none: in ours. The process changes to it
};

struct MountedView {
  View view;  // without its mount, else it would not end when it is unmounted
  Source source;
  Target target;
  uint64_t mount_id;  // the kernel gives it to no other; 0: it is gone
};
absl::StatusOr<MountedView> mount_view(const ViewOptions& options, const std::string& target, MountHow how);

// "NAME: SOURCE at TARGET (read-only, as USER)", safe to print.
std::string describe(const MountedView& mounted);

}  // namespace sluice::cli
