#include "os/locked_mount.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "os/process.h"
#include "os/socket.h"

namespace sluice::os {
namespace {

struct Job {
  int mount;
  int reply;
};

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

void reply_with_copy(void* argument) {
  const Job& job = *static_cast<const Job*>(argument);
  const auto copy = locked_copy(job.mount);
  const int error = copy.ok() ? 0 : copy.failure().error;
  uint8_t bytes[sizeof(error)];
  std::memcpy(bytes, &error, sizeof(error));
  const int fd = copy.ok() ? copy->get() : -1;
  (void)send_message(job.reply, bytes, {&fd, copy.ok() ? size_t{1} : size_t{0}});
}

}  // namespace

core::Result<Fd> with_locked_flags(Fd mount) {
  auto pair = socket_pair();
  if (!pair.ok()) return pair.failure();
  Job job{mount.get(), pair->second.get()};
  // A process of its own: it gives up all that it may in this user namespace.
  auto helper = fork_helper(std::array{job.mount, job.reply}, reply_with_copy, &job);
  if (!helper.ok()) return helper.failure();
  pair->second.reset();
  int error = EPIPE;
  uint8_t bytes[sizeof(error)] = {};
  auto message = receive_message(pair->first.get(), bytes, 1);
  end_child(*helper);
  if (!message.ok()) return message.failure();
  if (message->length == sizeof(bytes)) std::memcpy(&error, bytes, sizeof(error));
  if (error != 0 || message->fds.size() != 1) return core::Failure{error, core::Reason::kSystem};
  return std::move(message->fds[0]);
}

}  // namespace sluice::os
