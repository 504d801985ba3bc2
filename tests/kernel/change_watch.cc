#include "change_watch.h"

#include <fcntl.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include <cstring>

namespace kerneltest {
namespace {

constexpr uint64_t kAll = FAN_CREATE | FAN_DELETE | FAN_MOVED_FROM | FAN_MOVED_TO | FAN_ATTRIB |
                          FAN_MODIFY | FAN_ONDIR | FAN_EVENT_ON_CHILD;

}  // namespace

ChangeWatch::ChangeWatch()
    : group_(
          Must(Sys(fanotify_init(
                   FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_DFID_NAME, O_RDONLY)),
               "fanotify_init")) {}

long ChangeWatch::Mark(int directory, uint64_t mask, unsigned flags) const {
  return Sys(fanotify_mark(group_.get(), FAN_MARK_ADD | flags, mask, directory, "."));
}

long ChangeWatch::Watch(int directory) const {
  return Mark(directory, kAll, FAN_MARK_ONLYDIR | FAN_MARK_EVICTABLE);
}

std::vector<Change> ChangeWatch::Told() const {
  std::vector<Change> told;
  alignas(fanotify_event_metadata) char buffer[65536];
  for (ssize_t got; (got = read(group_.get(), buffer, sizeof(buffer))) > 0;) {
    const auto* event = reinterpret_cast<fanotify_event_metadata*>(buffer);
    for (; FAN_EVENT_OK(event, got); event = FAN_EVENT_NEXT(event, got)) {
      Change change = {event->mask, event->pid, 0, "", ""};
      if (event->event_len > event->metadata_len) {
        const auto* info = reinterpret_cast<const fanotify_event_info_fid*>(event + 1);
        file_handle head;
        memcpy(&head, info->handle, sizeof(head));
        const char* bytes = reinterpret_cast<const char*>(info->handle) + sizeof(head);
        change.handle_type = head.handle_type;
        change.handle.assign(bytes, head.handle_bytes);
        change.name = bytes + head.handle_bytes;
      }
      told.push_back(change);
    }
  }
  return told;
}

Change HandleOf(int fd) {
  struct {
    file_handle head;
    char bytes[MAX_HANDLE_SZ];
  } handle = {};
  handle.head.handle_bytes = MAX_HANDLE_SZ;
  int mount;
  Must(Sys(name_to_handle_at(fd, "", &handle.head, &mount, AT_EMPTY_PATH)), "name_to_handle_at");
  return {0, 0, handle.head.handle_type, std::string(handle.bytes, handle.head.handle_bytes), ""};
}

}  // namespace kerneltest
