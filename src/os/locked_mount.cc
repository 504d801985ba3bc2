#include "os/locked_mount.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/process.h"

namespace sluice::os {
namespace {

core::Result<Fd> locked_copy(int mount) {
  // Some directory, in mount namespaces of this process's own: nobody sees what lies over it. It is named by its path,
  // since to be in the mount, or to open it, would ask the filesystem.
  constexpr char kPlace[] = "/proc";
  if (::unshare(CLONE_NEWNS) < 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0 ||
      ::syscall(SYS_move_mount, mount, "", AT_FDCWD, kPlace, MOVE_MOUNT_F_EMPTY_PATH) < 0 ||
      ::unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) {
    return failure();
  }
  return checked_fd(::syscall(SYS_open_tree, AT_FDCWD, kPlace, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
}

}  // namespace

core::Result<Fd> with_locked_flags(Fd mount) {
  // A process of its own: it gives up all that it may in this user namespace.
  int number = mount.get();
  return made_by_helper({&number, 1}, [](void* of) { return locked_copy(*static_cast<int*>(of)); }, &number);
}

}  // namespace sluice::os
