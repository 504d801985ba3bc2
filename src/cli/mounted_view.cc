#include "cli/mounted_view.h"

#include <absl/strings/str_cat.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>

#include "cli/output.h"
#include "core/escape.h"
#include "os/mount.h"

namespace sluice::cli {
namespace {

absl::Status attach(const View& view, const Target& target) {
  auto attached = os::attach_mount(view.mount.get(), target.fd.get());
  if (attached.ok()) return absl::OkStatus();
  if (attached.failure().error == EPERM) {
    return problem(absl::StatusCode::kPermissionDenied,
                   "only root may mount here; an ordinary user can in a mount namespace of its own",
                   "use sluice run SOURCE -- COMMAND");
  }
  return problem(attached.failure(), absl::StrCat("target \"", core::escaped(target.path), "\""));
}

}  // namespace

absl::StatusOr<Source> open_named_source(const ViewOptions& options) {
  auto source = open_source_or_none(options.source);
  if (!source.ok()) return problem_of(options.source_place, source.status());
  return source;
}

absl::StatusOr<MountedView> mount_view(const ViewOptions& options, const std::string& path, MountHow how) {
  auto source = open_named_source(options);
  if (!source.ok()) return source.status();
  absl::StatusOr<Target> target = Target{};
  if (!how.namespace_of_target) {  // before anything is there that would have to be undone
    target = open_target(path, *source);
    if (!target.ok()) return problem_of(options.target_place, target.status());
  }
  auto view = request_view(options, *source, how.namespace_of_target ? path : target->path, how.lifetime);
  if (!view.ok()) return view.status();
  if (how.no_programs) {
    if (auto done = os::forbid_programs(view->mount.get()); !done.ok()) return problem(done.failure(), "noexec");
  }
  if (how.namespace_of_target) {
    if (::setns(how.namespace_of_target.get(), CLONE_NEWNS) < 0) return problem(os::failure(), "the mount namespace");
    target = open_target(path, *source);
    if (!target.ok()) return problem_of(options.target_place, target.status());
  }
  if (auto attached = attach(*view, *target); !attached.ok()) return attached;
  const auto mount_id = os::unique_id_of_attached(view->mount.get());
  view->mount.reset();
  // None: somebody has taken it off already.
  return MountedView{*std::move(view), *std::move(source), *std::move(target), mount_id.ok() ? *mount_id : 0};
}

std::string describe(const MountedView& mounted) {
  const View& view = mounted.view;
  return absl::StrCat(view.name, ": ", core::escaped(mounted.source.path), " at ",
                      core::escaped(mounted.target.path), " (", view.read_only ? "read-only" : "read-write", ", as ",
                      view.identity.preserve
                          ? "every owner"
                          : user_name(view.identity.named ? view.identity.uid : ::geteuid()),
                      ")");
}

}  // namespace sluice::cli
