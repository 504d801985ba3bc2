#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/mountpoint.h"
#include "cli/output.h"
#include "core/escape.h"
#include "core/limits.h"
#include "os/mount.h"
#include "os/socket.h"

namespace sluice::cli {
namespace {

// Of another FUSE server, whose mount is its own: what ends is its broker. kNotFound: the caller has none of that
// name.
absl::Status end_connection(const std::string& name) {
  const auto listed = list_views(service_socket({}));
  if (!listed.ok()) return listed.status();
  for (const ListedView& one : *listed) {
    if (!one.info.foreign || one.info.name != name) continue;
    auto connection = os::connect_to(one.socket);
    if (!connection.ok()) return problem(connection.failure(), core::escaped(one.socket));
    (void)os::set_timeout(connection->get(), core::Limits::kSetupSeconds * 1000);
    wire::Hello hello;
    hello.kind = wire::HelloKind::kEnd;
    hello.name = name;
    return ask(connection->get(), hello, {}, absl::StrCat("connection \"", core::escaped(name), "\"")).status();
  }
  return absl::NotFoundError("");
}

absl::Status take_off(const UmountOptions& options) {
  auto path = resolve_mountpoint(options.target);
  if (!path.ok()) return path.status();
  const std::string shown = absl::StrCat("\"", core::escaped(options.target), "\"");
  bool found = false;
  for (const MountLine& mount : read_mounts()) {
    if (mount.path == *path) found = mount.type == "fuse.sluice";  // the last one is on top
  }
  if (!found) {
    if (!absl::StrContains(options.target, '/')) {
      if (absl::Status ended = end_connection(options.target); !absl::IsNotFound(ended)) return ended;
    }
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
