#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>

#include "cli/commands.h"
#include "cli/mountpoint.h"
#include "cli/output.h"
#include "core/escape.h"
#include "os/mount.h"
#include "os/poller.h"

namespace sluice::cli {
namespace {

// Takes our mount off the target, and nothing else that may be there by now. Whether it was there.
bool detach(const Target& target, uint64_t mount_id) {
  const os::Fd top(::open(target.path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!top || mount_id_of(top.get()) != mount_id) return false;
  if (!os::unmount(target.path.c_str(), 0).ok()) {
    (void)os::unmount(target.path.c_str(), MNT_DETACH);  // somebody is in there: let them finish
  }
  return true;
}

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

absl::Status serve(const MountOptions& options) {
  // Before anything is there that would have to be undone.
  auto signals = os::termination_signals();
  if (!signals.ok()) return problem(signals.failure(), "signals");
  auto source = open_source_or_none(options.view.source);
  if (!source.ok()) return source.status();
  auto target = open_target(options.target, *source);
  if (!target.ok()) return target.status();
  auto view = request_view(options.view, *source, target->path,
                           options.background ? Lifetime::kMount : Lifetime::kForeground);
  if (!view.ok()) return view.status();
  const uint64_t mount_id = mount_id_of(view->mount.get());
  if (auto attached = attach(*view, *target); !attached.ok()) return attached;
  view->mount.reset();  // else the view would not end when it is unmounted

  std::printf("sluice: %s: %s at %s (%s, as %s)%s\n", view->name.c_str(),
              core::escaped(source->path).c_str(), core::escaped(target->path).c_str(),
              view->read_only ? "read-only" : "read-write",
              view->identity.preserve ? "every owner"
                                      : user_name(view->identity.named ? view->identity.uid : ::geteuid()).c_str(),
              options.background ? "" : "; Ctrl-C ends it");
  std::fflush(stdout);
  if (options.background) return absl::OkStatus();

  struct pollfd waiting[] = {{view->service.connection.get(), POLLIN, 0}, {signals->get(), POLLIN, 0}};
  while (::poll(waiting, 2, -1) < 0 && errno == EINTR) {
  }
  const bool asked = waiting[1].revents != 0;
  // Where it was unmounted elsewhere there is nothing of ours at the target. Where its processes
  // died, a dead mount is.
  const bool was_there = detach(*target, mount_id);
  view->service.connection.reset();
  wait_for_service(view->service);
  if (asked || !was_there) return absl::OkStatus();
  return problem(absl::StatusCode::kInternal,
                 "the view has ended by itself: its service was stopped, or one of its processes died",
                 "see the service's log");
}

}  // namespace

int mount_command(const MountOptions& options) { return report(serve(options)); }

}  // namespace sluice::cli
