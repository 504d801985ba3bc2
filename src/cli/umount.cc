#include <absl/strings/str_cat.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/mountpoint.h"
#include "cli/output.h"
#include "core/escape.h"
#include "os/mount.h"

namespace sluice::cli {
namespace {

absl::Status take_off(const UmountOptions& options) {
  auto path = resolve_mountpoint(options.target);
  if (!path.ok()) return path.status();
  const std::string shown = absl::StrCat("\"", core::escaped(options.target), "\"");
  bool found = false;
  for (const MountLine& mount : read_mounts()) {
    if (mount.path == *path) found = mount.type == "fuse.sluice";  // the last one is on top
  }
  if (!found) {
    return problem(absl::StatusCode::kNotFound, absl::StrCat(shown, " is not a view"),
                   "see sluice ls");
  }
  const int flags = (options.lazy || options.force ? MNT_DETACH : 0) | (options.force ? MNT_FORCE : 0);
  auto done = os::unmount(path->c_str(), flags);
  if (done.ok()) return absl::OkStatus();
  if (done.failure().error == EBUSY) {
    return problem(absl::StatusCode::kFailedPrecondition, absl::StrCat(shown, " is in use"),
                   "end what uses it (fuser -vm shows it), or use --lazy or --force");
  }
  if (done.failure().error == EPERM) {
    return problem(absl::StatusCode::kPermissionDenied,
                   absl::StrCat(shown, ": only root may unmount here"), "ask as root");
  }
  return problem(done.failure(), shown);
}

}  // namespace

int umount_command(const UmountOptions& options) {
  const absl::Status status = take_off(options);
  if (status.ok() && options.json) {
    std::printf("%s\n", nlohmann::json{{"unmounted", core::escaped(options.target)}}.dump().c_str());
  }
  return report(status);
}

}  // namespace sluice::cli
