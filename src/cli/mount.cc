#include <absl/strings/str_cat.h>
#include <poll.h>

#include <cerrno>
#include <cstdio>
#include <optional>

#include "cli/commands.h"
#include "cli/mounted_view.h"
#include "cli/output.h"
#include "cli/ready.h"
#include "cli/target_guard.h"
#include "cli/view_file.h"
#include "os/mount.h"
#include "os/poller.h"

namespace sluice::cli {
namespace {

absl::Status serve(MountOptions options) {
  // Before anything is there that would have to be undone.
  auto signals = os::termination_signals();
  if (!signals.ok()) return problem(signals.failure(), "signals");
  std::vector<std::string> command;  // of the file, and for sluice run
  if (auto taken = take_view_file(&options.view, &options.target, &command); !taken.ok()) return taken;
  if (options.operands < 2 && (options.view.source.empty() || options.target.empty())) {
    return problem(absl::StatusCode::kInvalidArgument,
                   absl::StrCat(options.view.source.empty() ? "SOURCE" : "TARGET", " is missing",
                                options.view.view_file.empty() ? "" : ", here and in the file"),
                   "see sluice mount --help");
  }
  MountHow how;
  how.lifetime = options.background ? Lifetime::kMount : Lifetime::kForeground;
  auto mounted = mount_view(options.view, options.target, std::move(how));
  if (!mounted.ok()) return mounted.status();
  Service& service = mounted->view.service;
  std::optional<TargetGuard> guard;
  if (!options.background) {
    auto started = TargetGuard::start(mounted->target, mounted->mount_id);
    if (!started.ok()) {
      (void)os::unmount_held(mounted->target.fd.get(), 0);
      return started.status();
    }
    guard.emplace(*std::move(started));
  }

  std::printf("sluice: %s%s\n", describe(*mounted).c_str(), options.background ? "" : "; Ctrl-C ends it");
  std::fflush(stdout);
  if (!guard) return absl::OkStatus();
  tell_manager_ready();

  struct pollfd waiting[] = {{service.connection.get(), POLLIN, 0}, {signals->get(), POLLIN, 0}};
  while (::poll(waiting, 2, -1) < 0 && errno == EINTR) {
  }
  const bool asked = waiting[1].revents != 0;
  // Where it was unmounted elsewhere there is nothing of ours at the target. Where its processes
  // died, a dead mount is.
  const bool was_there = guard->take_off();
  service.connection.reset();
  wait_for_service(service);
  if (asked || !was_there) return absl::OkStatus();
  return problem(absl::StatusCode::kInternal,
                 "the view has ended by itself: its service was stopped, or one of its processes died",
                 "see the service's log");
}

}  // namespace

int mount_command(const MountOptions& options) { return report(serve(options)); }

}  // namespace sluice::cli
