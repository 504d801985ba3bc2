#include "os/graft.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/file.h"

namespace sluice::os {

core::Outcome attach_below(int root, std::string_view path, int tree) {
  auto point = open_beneath(root, path, O_PATH | O_DIRECTORY);
  if (!point.ok()) return core::Failure{point.failure().error, core::Reason::kGraftPlace};
  return checked(::syscall(SYS_move_mount, tree, "", point->get(), "",
                           MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}

}  // namespace sluice::os
