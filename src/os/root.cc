#include "os/root.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sluice::os {

core::Outcome enter_tree(Fd tree) {
  // The old root is below the new one for a moment; unmounting "." then takes it away.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0 ||
      ::syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 ||
      ::fchdir(tree.get()) < 0) {
    if (errno == EACCES) return core::Failure{EACCES, core::Reason::kSourceUnreadable};
    return failure();
  }
  if (::syscall(SYS_pivot_root, ".", ".") < 0 || ::umount2(".", MNT_DETACH) < 0 ||
      ::chdir("/") < 0) {
    return failure();
  }
  return core::Done{};
}

}  // namespace sluice::os
