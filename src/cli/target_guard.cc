#include "cli/target_guard.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "cli/output.h"
#include "os/mount.h"
#include "os/poller.h"
#include "os/service_self.h"

namespace sluice::cli {
namespace {

struct Watch {
  int alive;
  int target;
  uint64_t mount_id;
};

// By what the target held before, wherever it is found now. Left alone where something covers the view.
bool detach(int target, uint64_t mount_id) {
  const auto number = os::mount_number_of(mount_id);
  if (!number.ok()) return false;
  const std::vector<MountLine> mounts = read_mounts();
  const auto ours = std::find_if(mounts.begin(), mounts.end(),
                                 [&](const MountLine& mount) { return mount.number == *number; });
  if (ours == mounts.end()) return false;
  const bool covered = std::any_of(mounts.begin(), mounts.end(), [&](const MountLine& mount) {
    return mount.parent == *number && mount.path == ours->path;
  });
  if (covered) return false;
  if (!os::unmount_held(target, 0).ok()) {
    (void)os::unmount_held(target, MNT_DETACH);  // somebody is in there: let them finish
  }
  return true;
}

// Whoever waits for the command's output to end, or types Ctrl-C, has nothing to do with this process; the
// signals that end the command are blocked here as they are there.
void watch(const Watch& watch) {
  os::name_process("sluice-guard");
  ::setsid();
  const os::Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null.get(), stream);
  char word;
  ssize_t length;
  while ((length = ::read(watch.alive, &word, 1)) < 0 && errno == EINTR) {
  }
  if (length == 0) detach(watch.target, watch.mount_id);
}

}  // namespace

absl::StatusOr<TargetGuard> TargetGuard::start(const Target& target, uint64_t mount_id) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return problem(os::failure(), "pipe");
  const os::Fd asked(ends[0]);
  os::Fd alive(ends[1]);
  Watch what{asked.get(), target.fd.get(), mount_id};
  const int keep[] = {what.alive, what.target};
  auto process = os::fork_helper(
      keep, [](void* argument) { watch(*static_cast<const Watch*>(argument)); }, &what);
  if (!process.ok()) return problem(process.failure(), "fork");
  return TargetGuard(what.target, mount_id, std::move(alive), *std::move(process));
}

bool TargetGuard::take_off() {
  constexpr int kMilliseconds = 1000;
  const bool was_there = detach(target_, mount_id_);
  (void)!::write(alive_.get(), "", 1);
  if (os::wait_readable(process_.pidfd.get(), kMilliseconds).ok()) (void)os::reap(process_.pidfd.get());
  return was_there;
}

}  // namespace sluice::cli
