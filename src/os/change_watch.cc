#include "os/change_watch.h"

#include <fcntl.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include <cstddef>

namespace sluice::os {
namespace {

constexpr uint64_t kNames =
    FAN_CREATE | FAN_DELETE | FAN_MOVED_FROM | FAN_MOVED_TO | FAN_ATTRIB | FAN_ONDIR;
constexpr uint64_t kFiles = FAN_MODIFY | FAN_EVENT_ON_CHILD;

uint64_t mask_of(Watched what) { return what == Watched::kNames ? kNames : kNames | kFiles; }

}  // namespace

core::Result<Fd> make_change_watch(uint32_t uid) {
  // By what root makes one is told who changed something (fanotify_init(2)).
  const uid_t own = ::geteuid();
  if (::seteuid(uid) < 0) return failure();
  auto group = checked_fd(::fanotify_init(
      FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_DFID_NAME, O_RDONLY));
  if (::seteuid(own) < 0) return failure();
  return group;
}

bool clear_change_watch(int group) { return ::fanotify_mark(group, FAN_MARK_FLUSH, 0, AT_FDCWD, nullptr) == 0; }

core::Outcome watch_directory(int group, int directory, Watched what) {
  return checked(::fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_ONLYDIR | FAN_MARK_EVICTABLE,
                                 mask_of(what), directory, "."));
}
core::Outcome unwatch_directory(int group, int directory, Watched what) {
  return checked(
      ::fanotify_mark(group, FAN_MARK_REMOVE | FAN_MARK_ONLYDIR, mask_of(what), directory, "."));
}

core::Result<FileHandle> handle_of(int fd) {
  struct {
    struct file_handle head;
    unsigned char bytes[MAX_HANDLE_SZ];
  } handle{};
  handle.head.handle_bytes = MAX_HANDLE_SZ;
  int mount;
  if (::name_to_handle_at(fd, "", &handle.head, &mount, AT_EMPTY_PATH) < 0) return failure();
  const unsigned char* bytes = handle.head.f_handle;
  return FileHandle{handle.head.handle_type, {bytes, bytes + handle.head.handle_bytes}};
}

}  // namespace sluice::os
