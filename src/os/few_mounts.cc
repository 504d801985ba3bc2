#include "os/few_mounts.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "os/process.h"
#include "os/root.h"

namespace sluice::os {
namespace {

// What exec(2) of a program ends with whose libraries, or whose loader, are not found.
constexpr int kNotFound = 127;

// What is mounted or taken off there by the host, or here, is nothing to the other.
core::Result<Fd> copy_of(const char* path) {
  auto copy = checked_fd(::syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!copy.ok()) return copy;
  struct mount_attr attributes {};
  attributes.propagation = MS_PRIVATE;
  if (::syscall(SYS_mount_setattr, copy->get(), "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0) return failure();
  return copy;
}

// Without descriptors each ends as soon as it looks for the first.
core::Outcome try_program(int program) {
  const pid_t pid = ::fork();
  if (pid < 0) return failure();
  if (pid == 0) {
    const int null = ::open("/dev/null", O_RDWR);
    if (null < 0 || ::dup2(null, 0) < 0 || ::dup2(null, 1) < 0 || ::dup2(null, 2) < 0) ::_exit(kNotFound);
    const auto number = static_cast<unsigned>(program);
    if (number > 3) ::close_range(3, number - 1, 0);
    ::close_range(number + 1, ~0u, 0);
    char name[] = "sluice";
    char* const words[] = {name, nullptr};
    char* const environment[] = {nullptr};
    ::syscall(SYS_execveat, program, "", words, environment, AT_EMPTY_PATH);
    ::_exit(kNotFound);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return failure();
  }
  const bool found = !WIFEXITED(status) || WEXITSTATUS(status) != kNotFound;
  return found ? core::Outcome(core::Done{}) : core::Failure{ENOENT, core::Reason::kSystem};
}

core::Result<Fd> make(std::span<const int> programs) {
  if (::unshare(CLONE_NEWNS) < 0) return failure();
  auto made = checked_fd(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
  if (!made.ok()) return made;
  auto root = copy_of("/");
  if (!root.ok()) return root;
  // In a container each device may be a mount of its own.
  constexpr const char* kPlaces[] = {"/dev", "/dev/fuse", "/dev/null", "/proc"};
  std::vector<Fd> copies;
  for (const char* place : kPlaces) {
    auto copy = copy_of(place);
    if (!copy.ok()) return copy;
    copies.push_back(*std::move(copy));
  }
  if (auto entered = enter_tree(*std::move(root)); !entered.ok()) return entered.failure();
  for (size_t i = 0; i < copies.size(); ++i) {
    if (::syscall(SYS_move_mount, copies[i].get(), "", AT_FDCWD, kPlaces[i], MOVE_MOUNT_F_EMPTY_PATH) < 0) return failure();
  }
  for (const int program : programs) {
    if (auto tried = try_program(program); !tried.ok()) return tried.failure();
  }
  return made;
}

}  // namespace

core::Result<Fd> few_mounts(std::span<const int> programs) {
  return made_by_helper(programs, [](void* of) { return make(*static_cast<std::span<const int>*>(of)); }, &programs);
}

bool may_go_to_mounts() {
  capng_setpid(0);
  return capng_get_caps_process() == 0 && capng_have_capability(CAPNG_PERMITTED, CAP_SYS_CHROOT) != 0 &&
         capng_have_capability(CAPNG_BOUNDING_SET, CAP_SYS_CHROOT) != 0;
}

core::Outcome go_to_mounts(int mount_namespace) { return checked(::setns(mount_namespace, CLONE_NEWNS)); }

}  // namespace sluice::os
