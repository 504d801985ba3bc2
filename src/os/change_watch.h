// Being told of changes in directories, by a fanotify group without privilege (Linux 5.13): one
// that gets no descriptor, cannot hold up anybody, and is told of directories that its user may
// read.
#pragma once

#include <cstdint>
#include <vector>

#include "os/fd.h"

namespace sluice::os {

// What is told of a directory: names made, removed and renamed in it, and its own attributes; with
// kNamesAndFiles also attributes and contents of what is in it, which costs each read and write of
// those files some nanoseconds.
enum class Watched { kNames, kNamesAndFiles };

// Set-up process, as root. A group that is counted to that uid, and has no privilege of root's. Events are read from it, as
// wire/change_event.h says; EAGAIN where there is none. Fails where the user has as many groups as it may.
core::Result<Fd> make_change_watch(uint32_t uid);
// Worker. Nothing is watched by it from now on. False: it is no group.
bool clear_change_watch(int group);
// directory: any descriptor of it, O_PATH too. The mark keeps no inode in memory, and goes with it.
core::Outcome watch_directory(int group, int directory, Watched what);
core::Outcome unwatch_directory(int group, int directory, Watched what);

// A file handle as events have it. Not for confined processes.
struct FileHandle {
  int32_t type;
  std::vector<uint8_t> bytes;
};
core::Result<FileHandle> handle_of(int fd);

}  // namespace sluice::os
