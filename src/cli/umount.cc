#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
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

// The view that is there, held. By its path alone somebody who may rename directories above it could make
// this take off something else.
os::Fd hold_view(const Mountpoint& point) {
  if (!topmost_is_view(point.path)) return {};  // before anything there is touched
  os::Fd top(::openat(point.parent.get(), point.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  return top && is_view(top.get()) ? std::move(top) : os::Fd();
}

absl::Status take_off(const UmountOptions& options) {
  auto point = hold_mountpoint(options.target);
  if (!point.ok()) return point.status();
  const std::string shown = absl::StrCat("\"", core::escaped(options.target), "\"");
  os::Fd view = hold_view(*point);
  if (!view) {
    if (!absl::StrContains(options.target, '/')) {
      if (absl::Status ended = end_connection(options.target); !absl::IsNotFound(ended)) return ended;
    }
    return problem(absl::StatusCode::kNotFound, absl::StrCat(shown, " is not a view"),
                   "see sluice ls");
  }
  core::Outcome done = core::Done{};
  if (options.lazy || options.force) {
    done = os::unmount_held(view.get(), MNT_DETACH | (options.force ? MNT_FORCE : 0));
  } else {
    view.reset();  // it would be in use by us
    done = os::unmount_at(point->parent.get(), point->name.c_str(), 0);
  }
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
