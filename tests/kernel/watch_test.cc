// Being told of changes in directories without privilege: by whom, of what, and what such a group
// may not. None of it is in the design's list.
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "change_watch.h"
#include "contained.h"
#include "process.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

namespace kerneltest {
namespace {

// A directory that everybody may write to, on a disk's filesystem and on a tmpfs.
std::vector<std::string> Directories() {
  std::vector<std::string> directories = {WorkDir() + "/watched", TmpfsDir() + "/watched"};
  for (const std::string& directory : directories) {
    Must(Sys(mkdir(directory.c_str(), 0777)), "mkdir");
    Must(Sys(chmod(directory.c_str(), 0777)), "chmod");
  }
  return directories;
}

bool Tells(const std::vector<Change>& told, uint64_t what, const std::string& name) {
  return std::any_of(told.begin(), told.end(), [&](const Change& change) {
    return (change.mask & what) == what && change.name == name;
  });
}

// A process without privilege is told what any other does in a directory that it may read, by a
// descriptor that opens nothing of it; not who did it, unless it was itself.
KERNEL_TEST(Watch, TellsChangesOfOthersWithoutPrivilege) {
  for (const std::string& directory : Directories()) {
    EXPECT_EQ(
        As({kAlice},
           [&]() -> long {
             const Fd path = Open(directory, O_PATH | O_DIRECTORY);
             const ChangeWatch watch;
             Must(watch.Watch(path.get()), "fanotify_mark");
             WriteFile(directory + "/own", "x");
             const auto own = watch.Told();
             if (own.empty() || !std::all_of(own.begin(), own.end(), [](const Change& change) {
                   return change.pid == getpid();
                 }))
               return 1;
             const Child other([&] {
               WriteFile(directory + "/made", "x");
               Must(Sys(rename((directory + "/made").c_str(), (directory + "/moved").c_str())),
                    "rename");
               Must(Sys(chmod((directory + "/moved").c_str(), 0600)), "chmod");
               Must(Sys(truncate((directory + "/moved").c_str(), 0)), "truncate");
               return Sys(unlink((directory + "/moved").c_str()));
             });
             if (!other.Ended(kSoonMs)) return 2;
             const auto told = watch.Told();
             const bool all =
                 Tells(told, FAN_CREATE | FAN_MOVED_FROM, "made") &&
                 Tells(told, FAN_MOVED_TO | FAN_ATTRIB | FAN_MODIFY | FAN_DELETE, "moved");
             const bool unknown = std::all_of(told.begin(), told.end(),
                                              [](const Change& change) { return change.pid == 0; });
             return all ? unknown ? 0 : 3 : 4;
           }),
        0)
        << directory;
  }
}

// It is the directory that counts, and not the mount by which it was found: a detached, private
// copy of a mount, read-only and without links, tells what is done by the host's. Nor is Landlock
// in the way.
KERNEL_TEST(Watch, TellsOfChangesByOtherMounts) {
  for (const std::string& directory : Directories()) {
    const Fd clone(
        Must(Sys(open_tree(AT_FDCWD, directory.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)),
             "open_tree"));
    struct mount_attr attributes = {};
    attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSYMFOLLOW | MOUNT_ATTR_NOSUID;
    attributes.propagation = MS_PRIVATE;
    Must(Sys(mount_setattr(clone.get(), "", AT_EMPTY_PATH, &attributes, sizeof(attributes))),
         "mount_setattr");
    EXPECT_EQ(As({kAlice},
                 [&]() -> long {
                   landlock_ruleset_attr handled = {};
                   handled.handled_access_fs =
                       LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
                   const Fd rules(
                       Must(Sys(syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0)),
                            "landlock_create_ruleset"));
                   Must(Sys(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)), "no_new_privs");
                   Must(Sys(syscall(SYS_landlock_restrict_self, rules.get(), 0)),
                        "landlock_restrict_self");
                   const ChangeWatch watch;
                   Must(watch.Watch(clone.get()), "fanotify_mark");
                   if (mknod((directory + "/made").c_str(), S_IFREG | 0600, 0) < 0) return 1;
                   return Tells(watch.Told(), FAN_CREATE, "made") ? 0 : 2;
                 }),
              0)
        << directory;
  }
}

// What is told of a directory carries its file handle.
KERNEL_TEST(Watch, HandlesAreThoseOfTheDirectory) {
  for (const std::string& directory : Directories()) {
    const Fd path = Open(directory, O_PATH | O_DIRECTORY);
    const ChangeWatch watch;
    ASSERT_EQ(Err(watch.Watch(path.get())), "OK");
    WriteFile(directory + "/file", "x");
    const Change handle = HandleOf(path.get());
    for (const Change& change : watch.Told()) {
      EXPECT_EQ(change.handle_type, handle.handle_type);
      EXPECT_EQ(change.handle, handle.handle);
    }
  }
}

// Without privilege: no whole mount or filesystem, nothing that others wait for, no directory that
// it may not read, and no other process.
KERNEL_TEST(Watch, MayNotMuchWithoutPrivilege) {
  const std::string directory = Directories().front();
  const std::string closed = directory + "/closed";
  Must(Sys(mkdir(closed.c_str(), 0711)), "mkdir");
  const auto mark = [&](const std::string& path, uint64_t mask, unsigned flags) {
    return Err(As({kAlice}, [&] {
      return ChangeWatch().Mark(Open(path, O_PATH | O_DIRECTORY).get(), mask, flags);
    }));
  };
  EXPECT_EQ(mark(directory, FAN_CREATE, 0), "OK");
  EXPECT_EQ(mark(closed, FAN_CREATE, 0), "EACCES");
  EXPECT_EQ(mark(directory, FAN_MODIFY, FAN_MARK_MOUNT), "EPERM");
  EXPECT_EQ(mark(directory, FAN_CREATE, FAN_MARK_FILESYSTEM), "EPERM");
  EXPECT_EQ(mark(directory, FAN_OPEN_PERM, 0), "EINVAL");
  EXPECT_EQ(Err(As({kAlice}, [] { return Sys(fanotify_init(FAN_CLASS_CONTENT, O_RDONLY)); })),
            "EPERM");
  EXPECT_EQ(Err(As({kAlice},
                   [] {
                     return Sys(fanotify_init(
                         FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME | FAN_UNLIMITED_QUEUE, O_RDONLY));
                   })),
            "EPERM");
}

// A queue that is full ends in a record that says so, and in nothing else.
KERNEL_TEST(Watch, SaysThatSomeWereLost) {
  const std::string directory = Directories().back();
  const int most = std::stoi(ReadFile("/proc/sys/fs/fanotify/max_queued_events"));
  Need(most <= 65536, "fs.fanotify.max_queued_events of at most 65536");
  const ChangeWatch watch;
  ASSERT_EQ(Err(watch.Watch(Open(directory, O_PATH | O_DIRECTORY).get())), "OK");
  for (int i = 0; i < most + 10; ++i) {
    const std::string name = directory + "/" + std::to_string(i);
    Must(Sys(mknod(name.c_str(), S_IFREG | 0600, 0)), "mknod");
    Must(Sys(unlink(name.c_str())), "unlink");
  }
  const auto told = watch.Told();
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back().mask, static_cast<uint64_t>(FAN_Q_OVERFLOW));
  EXPECT_LE(told.size(), static_cast<size_t>(most) + 1);
}

}  // namespace
}  // namespace kerneltest
