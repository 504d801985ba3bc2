#include "cli/target_guard.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "cli/output.h"
#include "os/mount.h"
#include "os/process_name.h"

namespace sluice::cli {
namespace {

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
[[noreturn]] void watch(int alive, int target, uint64_t mount_id) {
  os::name_process("sluice-guard");
  ::setsid();
  const os::Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null.get(), stream);
  // Not the connection to the service, for one, by which it sees that the command has gone.
  const auto [first, second] = std::minmax(alive, target);
  ::close_range(STDERR_FILENO + 1, static_cast<unsigned>(first) - 1, 0);
  ::close_range(static_cast<unsigned>(first) + 1, static_cast<unsigned>(second) - 1, 0);
  ::close_range(static_cast<unsigned>(second) + 1, ~0u, 0);
  char word;
  ssize_t length;
  while ((length = ::read(alive, &word, 1)) < 0 && errno == EINTR) {
  }
  if (length == 0) detach(target, mount_id);
  ::_exit(0);
}

}  // namespace

absl::StatusOr<TargetGuard> TargetGuard::start(const Target& target, uint64_t mount_id) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return problem(os::failure(), "pipe");
  const os::Fd asked(ends[0]);
  os::Fd alive(ends[1]);
  // Not clone3(2), which units that restrict namespaces have not.
  const pid_t process = ::fork();
  if (process < 0) return problem(os::failure(), "fork");
  if (process == 0) watch(asked.get(), target.fd.get(), mount_id);
  return TargetGuard(target.fd.get(), mount_id, std::move(alive), process);
}

bool TargetGuard::take_off() {
  const bool was_there = detach(target_, mount_id_);
  (void)!::write(alive_.get(), "", 1);
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
  return was_there;
}

}  // namespace sluice::cli
