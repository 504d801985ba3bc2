#include "cli/mountpoint.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <fstream>

#include "cli/mount_field.h"
#include "cli/output.h"
#include "core/escape.h"
#include "os/file.h"
#include "os/mount.h"

namespace sluice::cli {
namespace {

absl::Status unusable(const std::string& path, const char* what, const char* remedy) {
  return problem(absl::StatusCode::kFailedPrecondition,
                 absl::StrCat("target \"", core::escaped(path), "\" ", what), remedy);
}

bool same_directory(const os::Stat& a, const os::Stat& b) {
  return os::dev_of(a) == os::dev_of(b) && a.stx_ino == b.stx_ino;
}

// Whether source is target or one of the directories above it.
bool is_inside(int target, const os::Stat& source) {
  os::Fd at(::openat(target, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (;;) {
    auto here = os::stat_held(at.get());
    if (!here.ok()) return true;  // cannot tell: refuse
    if (same_directory(*here, source)) return true;
    os::Fd up(::openat(at.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
    auto above = os::stat_held(up.get());
    if (!above.ok()) return true;
    if (same_directory(*above, *here) && above->stx_mnt_id == here->stx_mnt_id) return false;
    at = std::move(up);
  }
}

// The target, if the view there would not cover what it is of.
absl::StatusOr<Target> apart_from(const Source& source, Target target, const std::string& path) {
  auto of_source = os::stat_held(source.fd.get());
  auto of_target = os::stat_held(target.fd.get());
  if (!of_source.ok() || !of_target.ok()) return problem(os::failure(), "statx");
  if (same_directory(*of_source, *of_target)) {
    return unusable(path, "is the source itself",
                    "use sluice run to see a view in the source's place, or another target");
  }
  if (is_inside(target.fd.get(), *of_source)) {
    return unusable(path, "is inside the source", "name a directory elsewhere");
  }
  return target;
}

}  // namespace

absl::StatusOr<Target> open_target(const std::string& path, const Source& source) {
  struct stat stat;
  if (::lstat(path.c_str(), &stat) < 0) {
    if (errno == ENOTCONN) {
      return unusable(path, "is a view that has ended", "take it off with sluice umount first");
    }
    const int error = errno;
    if (auto point = hold_mountpoint(path); error == EACCES && point.ok() && topmost_is_view(point->path)) {
      return unusable(path, "is a view already", "take it off with sluice umount first");
    }
    if (error == EACCES) {
      return unusable(path, "cannot be reached, or is another user's view",
                      "see sluice ls, or name another directory");
    }
    return unusable(path, "does not exist", "make the directory first");
  }
  if (S_ISLNK(stat.st_mode)) {
    return unusable(path, "is a symbolic link", "name the directory it leads to");
  }
  if (!S_ISDIR(stat.st_mode)) return unusable(path, "is not a directory", "name a directory");
  Target target;
  // Without O_DIRECTORY, which would wait for an automount there to be mounted: by us.
  target.fd = os::Fd(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  char resolved[PATH_MAX];
  if (!target.fd || ::realpath(path.c_str(), resolved) == nullptr) {
    return problem(os::failure(), absl::StrCat("target \"", core::escaped(path), "\""));
  }
  target.path = resolved;
  for (const MountLine& mount : read_mounts()) {
    if (mount.path != target.path || target.path == "/" || mount.type == "autofs") continue;
    if (mount.type == "fuse.sluice") {
      return unusable(path, "is a view already", "take it off with sluice umount first");
    }
    return unusable(path, "is busy: something is mounted there", "name another directory");
  }
  return source.fd ? apart_from(source, std::move(target), path) : std::move(target);
}

std::vector<MountLine> read_mounts() {
  std::vector<MountLine> mounts;
  std::ifstream file("/proc/self/mountinfo");
  std::string line;
  while (std::getline(file, line)) {
    const std::vector<std::string> parts = absl::StrSplit(line, ' ');
    // id parent dev root path options [optional...] - type source options
    size_t dash = 6;
    while (dash < parts.size() && parts[dash] != "-") ++dash;
    if (dash + 2 >= parts.size()) continue;
    MountLine mount{0, 0, unescape_mount_field(parts[4]), parts[dash + 1], unescape_mount_field(parts[dash + 2])};
    if (absl::SimpleAtoi(parts[0], &mount.number) && absl::SimpleAtoi(parts[1], &mount.parent)) {
      mounts.push_back(std::move(mount));
    }
  }
  return mounts;
}

bool topmost_is_view(const std::string& path) {
  bool view = false;
  for (const MountLine& mount : read_mounts()) {
    if (mount.path == path) view = mount.type == "fuse.sluice";
  }
  return view;
}

bool is_view(int fd) {
  const auto number = os::mount_number(fd);
  const std::vector<MountLine> mounts = read_mounts();
  return number.ok() && std::any_of(mounts.begin(), mounts.end(), [&](const MountLine& mount) {
    return mount.number == *number && mount.type == "fuse.sluice";
  });
}

absl::StatusOr<Mountpoint> hold_mountpoint(const std::string& path) {
  std::string bare = path;
  while (bare.size() > 1 && bare.back() == '/') bare.pop_back();
  const size_t slash = bare.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : bare.substr(0, slash);
  Mountpoint point;
  point.name = slash == std::string::npos ? bare : bare.substr(slash + 1);
  char resolved[PATH_MAX];
  if (!point.name.empty() && point.name != "." && point.name != ".." && ::realpath(parent.c_str(), resolved) != nullptr) {
    point.parent = os::Fd(::open(resolved, O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  if (!point.parent) return unusable(path, "is not the path of a view", "see sluice ls");
  const std::string full(resolved);
  point.path = absl::StrCat(full == "/" ? "" : full, "/", point.name);
  return point;
}

}  // namespace sluice::cli
