#include "os/own_directory.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sluice::os {
namespace {

constexpr int kMostDirectories = 64;

// Whether nobody but root and this user can make, move or remove names in it.
bool is_ours(const struct stat& directory) {
  const bool by_others = (directory.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  return (directory.st_uid == 0 || directory.st_uid == ::geteuid()) &&
         (!by_others || (directory.st_mode & S_ISVTX) != 0);
}

}  // namespace

// The directory and all above it: who can move one of them can put another socket in our place.
core::Outcome check_directories(int directory) {
  auto held = checked_fd(::openat(directory, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat below {};
  for (int i = 0; i < kMostDirectories; ++i) {
    if (!held.ok()) return held.failure();
    struct stat stat;
    if (::fstat(held->get(), &stat) < 0) return failure();
    if (!is_ours(stat)) return core::Failure{EPERM, core::Reason::kSocketDirectory};
    if (stat.st_dev == below.st_dev && stat.st_ino == below.st_ino)
      return core::Done{};  // the root
    below = stat;
    held = checked_fd(::openat(held->get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  return core::Failure{ELOOP, core::Reason::kSocketDirectory};
}

core::Result<Fd> hold_own_directory(std::string_view path) {
  const std::string name(path);
  (void)::mkdir(name.c_str(), 0700);  // where it is not there yet: what is there is looked at
  struct open_how how {};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS;
  auto directory = checked_fd(::syscall(SYS_openat2, AT_FDCWD, name.c_str(), &how, sizeof(how)));
  if (!directory.ok()) {
    const core::Failure& why = directory.failure();
    return why.error == ELOOP ? core::Failure{ELOOP, core::Reason::kSocketDirectory} : why;
  }
  struct stat stat;
  if (::fstat(directory->get(), &stat) < 0) return failure();
  // Not to be looked into either: root of a container where it is shown is not root of the host.
  if (stat.st_uid != 0 || (stat.st_mode & 0077) != 0) {
    return core::Failure{EPERM, core::Reason::kSocketDirectory};
  }
  if (auto ours = check_directories(directory->get()); !ours.ok()) return ours.failure();
  return directory;
}

core::Result<Fd> lock_in(int directory, const char* name) {
  auto file = checked_fd(::openat(directory, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600));
  if (!file.ok()) return file;
  struct stat stat;
  if (::fstat(file->get(), &stat) < 0) return failure();
  if (!S_ISREG(stat.st_mode) || stat.st_uid != ::geteuid() || (stat.st_mode & 0077) != 0) {
    return core::Failure{EPERM, core::Reason::kSocketTaken};
  }
  if (::flock(file->get(), LOCK_EX | LOCK_NB) < 0) {
    return errno == EWOULDBLOCK ? core::Failure{EBUSY, core::Reason::kSocketTaken} : failure();
  }
  return file;
}

}  // namespace sluice::os
